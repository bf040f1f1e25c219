"""The contest's prediction file, written whole and read strictly."""

import csv
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from masks_toys import hand_of_blobs

from handbone.anatomy import COUNT, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import COLUMNS, PredictionsWriter, image_names, read_predictions


def masks_of(seed: int) -> BoneMasks:
    masks = BoneMasks.from_polygons(hand_of_blobs(64, seed), (64, 64))
    return masks.replace({seed: np.zeros((64, 64), bool)})


def write(path, names):
    with PredictionsWriter(path) as predictions:
        for seed, name in enumerate(names):
            predictions.write(name, masks_of(seed))


def test_pandas_reads_what_the_contest_wants(tmp_path):
    write(tmp_path / "out" / "predictions.csv", ["b_R.png", "a, left.png", "c.png"])
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert list(table.columns) == ["image_name", "class", "rle", "height", "width"]
    assert set(table["height"]) == set(table["width"]) == {64}
    assert list(table["image_name"]) == [name for name in ("a, left.png", "b_R.png", "c.png") for _ in NAMES]
    assert list(table["class"]) == list(NAMES) * 3
    # pandas reads the empty cell of a bone that is absent as NaN.
    assert np.isnan(table["rle"][1])
    assert table["rle"][COUNT + 1] == masks_of(0).to_rle()[1]


def test_what_is_written_is_read_back_image_by_image(tmp_path):
    names = ["z.png", "ä_L.png", "image_with_many_.png"]
    write(tmp_path / "p.csv", names)
    found = {name: BoneMasks.from_rle(texts, (64, 64)) for name, texts in read_predictions(tmp_path / "p.csv")}
    assert found == {name: masks_of(seed) for seed, name in enumerate(names)}
    assert list(found) == sorted(names)


def test_a_failure_leaves_the_earlier_file(tmp_path):
    write(tmp_path / "p.csv", ["a.png"])
    before = (tmp_path / "p.csv").read_bytes()
    with pytest.raises(KeyboardInterrupt), PredictionsWriter(tmp_path / "p.csv") as predictions:
        predictions.write("b.png", masks_of(1))
        raise KeyboardInterrupt
    assert (tmp_path / "p.csv").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["p.csv"]


def test_an_image_cannot_be_written_twice(tmp_path):
    with pytest.raises(HandboneError, match=r"'a\.png' is written twice"):
        write(tmp_path / "p.csv", ["a.png", "a.png"])
    assert not list(tmp_path.iterdir())


def test_confidences_may_be_unknown_but_every_row_has_their_cell(tmp_path):
    with PredictionsWriter(tmp_path / "p.csv", confidence=True) as predictions:
        predictions.write("known.png", masks_of(0), [0.5] * COUNT)
        predictions.write("unknown.png", masks_of(1))
        predictions.write_cells("cells.png", masks_of(2).to_rle())
        predictions.write_cells("known cells.png", masks_of(3).to_rle(), [0.25] * COUNT)
    found = dict(read_predictions(tmp_path / "p.csv"))
    assert found == {
        name: masks_of(seed).to_rle()
        for seed, name in enumerate(("known.png", "unknown.png", "cells.png", "known cells.png"))
    }
    known = pd.read_csv(tmp_path / "p.csv").groupby("image_name")["confidence"].mean()
    assert known["known.png"] == 0.5 and known["known cells.png"] == 0.25
    assert np.isnan(known["unknown.png"]) and np.isnan(known["cells.png"])


def test_confidences_need_their_column(tmp_path):
    with (
        pytest.raises(HandboneError, match=r"'a\.png' has confidences, but the file has no such column"),
        PredictionsWriter(tmp_path / "p.csv") as predictions,
    ):
        predictions.write("a.png", masks_of(0), [0.5] * COUNT)


def test_no_images_give_a_header_alone(tmp_path):
    write(tmp_path / "p.csv", [])
    assert (tmp_path / "p.csv").read_text() == "image_name,class,rle\n"
    assert list(read_predictions(tmp_path / "p.csv")) == []


def test_columns_and_classes_may_come_in_any_order(tmp_path):
    lines = ["rle,fold,class,image_name", *[f"{i + 1} 1,0,{NAMES[i]},a.png" for i in reversed(range(COUNT))], ""]
    (tmp_path / "p.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert list(read_predictions(tmp_path / "p.csv")) == [("a.png", [f"{i + 1} 1" for i in range(COUNT)])]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4), st.randoms(use_true_random=False), st.booleans())
def test_rows_may_come_in_any_order(tmp_path_factory, count, random, quoted):
    names = [f"image, {i}.png" if quoted and i % 2 else f"{i}.png" for i in range(count)]
    rows = [(name, bone, f"{i + 1} {j + 1}") for i, name in enumerate(names) for j, bone in enumerate(NAMES)]
    random.shuffle(rows)
    path = tmp_path_factory.mktemp("shuffled") / "p.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=random.choice(["\n", "\r\n"])).writerows(
            [COLUMNS, [], *rows[:7], [], *rows[7:], []]
        )
    wanted = {name: [f"{i + 1} {j + 1}" for j in range(COUNT)] for i, name in enumerate(names)}
    assert dict(read_predictions(path)) == wanted
    assert image_names(path) == list(dict.fromkeys(name for name, _, _ in rows))


def test_rows_that_are_sorted_by_class_are_read_and_mistakes_in_them_are_on_their_line(tmp_path):
    rows = [f"{name}.png,{bone}," for bone in NAMES for name in "ab"]
    (tmp_path / "p.csv").write_text("\n".join(["image_name,class,rle", *rows]))
    assert [name for name, _ in read_predictions(tmp_path / "p.csv")] == ["a.png", "b.png"]
    (tmp_path / "p.csv").write_text("\n".join(["image_name,class,rle", *rows, "", rows[7]]))
    with pytest.raises(HandboneError, match=r"line 61: a second row for finger-4 of 'b\.png'"):
        list(read_predictions(tmp_path / "p.csv"))
    (tmp_path / "p.csv").write_text("\n".join(["image_name,class,rle", *rows[:-1]]))
    assert dict(read_predictions(tmp_path / "p.csv")) == {"a.png": [""] * COUNT, "b.png": [""] * (COUNT - 1) + [None]}


def test_names_with_line_breaks_and_odd_characters_are_read_back(tmp_path):
    names = ["a\nb.png", 'quote".png', "next\u2028line.png", "tab\t.png"]
    write(tmp_path / "p.csv", names)
    assert sorted(image_names(tmp_path / "p.csv")) == sorted(names)


def test_no_more_than_an_image_is_in_memory(tmp_path):
    """40 images of 3 MB each, rows sorted by class."""
    noise = " ".join(f"{2 * i + 1} 1" for i in range(10_000))
    names = [f"{i:02}.png" for i in range(40)]
    with open(tmp_path / "p.csv", "w", encoding="utf-8") as file:
        file.write("image_name,class,rle\n")
        file.writelines(f"{name},{bone},{noise}\n" for bone in NAMES for name in names)
    tracemalloc.start()
    try:
        assert sum(len(cells) for _, cells in read_predictions(tmp_path / "p.csv")) == 40 * COUNT
        assert tracemalloc.get_traced_memory()[1] < 5 * COUNT * len(noise)
    finally:
        tracemalloc.stop()


def test_run_lengths_longer_than_python_s_limit_are_read(tmp_path):
    dense = np.zeros((COUNT, 400, 400), bool)
    dense[0] = np.indices((400, 400)).sum(0) % 2
    with PredictionsWriter(tmp_path / "p.csv") as predictions:
        predictions.write("noisy.png", BoneMasks.from_dense(dense))
    [(_, texts)] = read_predictions(tmp_path / "p.csv")
    assert len(texts[0]) > 131072
    assert np.array_equal(BoneMasks.from_rle(texts, (400, 400)).mask(0), dense[0])


ROWS = [f"a.png,{name}," for name in NAMES]
OTHER_ROWS = [f"b.png,{name}," for name in NAMES]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "line 1: the column 'image_name' is missing"),
        (["image_name,class,mask"], "line 1: the column 'rle' is missing; required columns: image_name, class, rle"),
        (["image_name,class,rle", "a.png,Luante,"], "line 2: unknown class 'Luante'; did you mean 'Lunate'?"),
        (["image_name,class,rle", *ROWS, ROWS[3]], "line 31: a second row for finger-4 of 'a.png'"),
        (
            ["image_name,class,rle", *ROWS, *OTHER_ROWS, *[row.replace("a.", "c.") for row in ROWS[:7]]],
            "'c.png', the last image, has fewer rows than the others: the file may be cut off",
        ),
        (
            ["image_name,class,rle", *ROWS, *OTHER_ROWS, ROWS[0]],
            "line 60: a second row for finger-1 of 'a.png'",
        ),
        (["image_name,class,rle", "a.png,Lunate"], "line 2: the row has 2 cells, but the header has 3"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path, lines, words):
    (tmp_path / "p.csv").write_text("\n".join(lines))
    with pytest.raises(HandboneError) as error:
        list(read_predictions(tmp_path / "p.csv"))
    assert str(error.value).startswith(str(tmp_path / "p.csv"))
    assert words in str(error.value)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(HandboneError, match=r"none\.csv: cannot be read"):
        list(read_predictions(tmp_path / "none.csv"))
    (tmp_path / "binary.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(HandboneError, match="is not a UTF-8 CSV file"):
        list(read_predictions(tmp_path / "binary.csv"))
