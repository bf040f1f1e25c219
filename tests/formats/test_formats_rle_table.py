"""A folder of radiographs with one table of run lengths: which image a row means, and what is said of all others."""

import cv2
import numpy as np
import pytest

from handbone.anatomy import COUNT, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.formats.rle_table import RleTable


def masks(seed=0, size_hw=(40, 32)):
    dense = np.zeros((COUNT, *size_hw), bool)
    rng = np.random.default_rng(seed)
    for plane in dense[rng.permutation(COUNT)[:6]]:
        top, left = rng.integers(2, 20, 2)
        plane[top : top + rng.integers(1, 12), left : left + rng.integers(1, 10)] = True
    return BoneMasks.from_dense(dense)


def folder(tmp_path, images=("a.png",), rows=None, table="masks.csv", size=None):
    for name in images:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (40, 32), np.uint8))
    more = ("", "") if size is None else (",height,width", ",{},{}".format(*size))
    lines = [f"image_name,class,rle{more[0]}"]
    for name, texts in (rows if rows is not None else {name: masks().to_rle() for name in images}).items():
        lines += [f"{name},{bone},{text}{more[1]}" for bone, text in zip(NAMES, texts, strict=True)]
    (tmp_path / table).write_text("\n".join(lines) + "\n")
    return tmp_path


def listed(layout):
    samples, problems = layout.list_samples()
    return {sample.name: sample for sample in samples}, [(p.rule, p.message) for p in problems]


@pytest.mark.parametrize("seed", range(3))
def test_masks_come_back_as_they_were_written(tmp_path, seed):
    layout = RleTable(folder(tmp_path, rows={"a.png": masks(seed).to_rle()}))
    samples, problems = listed(layout)
    assert problems == [] and layout.read_labels(samples["a.png"]).masks() == masks(seed)


@pytest.mark.parametrize("rows", ["p1/a.png", "a.png", "a", "A.PNG", "./p1/a.png", "p1\\a.png"])
def test_a_row_may_call_its_image_by_any_name_that_means_it(tmp_path, rows):
    layout = RleTable(folder(tmp_path, ["p1/a.png", "p2/b.png"], {rows: masks().to_rle()}))
    samples, problems = listed(layout)
    assert samples["a.png"].annotation == tmp_path / "masks.csv" and samples["a.png"].shared_annotation
    assert samples["b.png"].annotation is None
    assert [rule for rule, _ in problems] == ["no-annotation"]


def test_a_row_of_no_image_and_an_image_of_no_row_are_both_said(tmp_path):
    samples, problems = listed(RleTable(folder(tmp_path, rows={"other.png": masks().to_rle()})))
    assert [rule for rule, _ in problems] == ["no-image", "no-annotation"]
    assert "'other.png'" in problems[0][1] and samples["a.png"].annotation is None


def test_an_image_under_two_names_keeps_the_first(tmp_path):
    rows = {"a.png": masks(1).to_rle(), "./a.png": masks(2).to_rle()}
    layout = RleTable(folder(tmp_path, rows=rows))
    samples, problems = listed(layout)
    assert problems == [("repeated-image", "has rows of './a.png', which is 'a.png' by another name")]
    assert layout.read_labels(samples["a.png"]).masks() == masks(1)


@pytest.mark.parametrize(("tables", "count"), [((), 0), (("a.csv", "b.csv"), 2), (("a.csv", "b.csv.gz", "c.TSV"), 3)])
def test_none_or_several_tables_ask_for_a_name(tmp_path, tables, count):
    for name in tables:
        (tmp_path / name).write_text("x")
    with pytest.raises(HandboneError, match=f"there are {count} tables in the folder; name the CSV by data.annotation"):
        RleTable(tmp_path).list_samples()


def test_a_named_table_is_read_among_several(tmp_path):
    folder(tmp_path, rows={"a.png": masks(1).to_rle()})
    folder(tmp_path, rows={"a.png": masks(2).to_rle()}, table="other.csv")
    layout = RleTable(tmp_path, "other.csv")
    samples, _ = listed(layout)
    assert layout.read_labels(samples["a.png"]).masks() == masks(2)
    assert layout.label_files == {tmp_path / "other.csv"}


@pytest.mark.parametrize("size", [(40, 32), None])
def test_a_stated_size_that_is_the_image_s_own_changes_nothing(tmp_path, size):
    layout = RleTable(folder(tmp_path, size=size))
    samples, _ = listed(layout)
    assert layout.read_labels(samples["a.png"]).problems[0].rule != "broken-run-lengths"


def problem_of(layout):
    samples, _ = listed(layout)
    labels = layout.read_labels(samples["a.png"])
    assert not labels.polygons
    return next(p for p in labels.problems if p.rule == "broken-run-lengths")


def test_another_size_than_the_image_s_is_said_and_nothing_is_read(tmp_path):
    found = problem_of(RleTable(folder(tmp_path, size=(41, 32))))
    assert found.message == "the table says 32 x 41, the image has 32 x 40" and found.file == "a.png"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5", "Ulna: the run lengths have 1 numbers, but must be pairs"),
        ("1 x", "Ulna: 'x' in the run lengths is not a whole number"),
        ("1 5 3 4", "Ulna: the runs '1 5' and '3 4' overlap"),
        ("1281 1", "Ulna: the run '1281 1' extends beyond the image of 32 x 40 pixels"),
        ("4 -2", "Ulna: a run has the length -2"),
    ],
)
def test_broken_run_lengths_name_the_bone_and_what_to_do(tmp_path, text, words):
    found = problem_of(RleTable(folder(tmp_path, rows={"a.png": ["1 3", *[""] * (COUNT - 2), text]})))
    assert found.message.startswith(words) and found.remedy and found.severity == "error"


def test_run_lengths_down_the_columns_are_refused_until_they_are_told(tmp_path):
    tall = np.zeros((40, 32), bool)
    tall[4:36, 6:30] = True
    cells = [rle_down(tall), rle_down(np.roll(tall, 2, 1)), *[""] * (COUNT - 2)]
    layout = RleTable(folder(tmp_path, rows={"a.png": cells}))
    assert "--rle column-major" in problem_of(layout).remedy
    told = RleTable(tmp_path, reading=RleReading(column_major=True))
    samples, _ = listed(told)
    assert (told.read_labels(samples["a.png"]).masks().mask(0) == tall).all()


def rle_down(mask):
    return BoneMasks.from_dense(np.stack([mask.T] * COUNT)).to_rle()[0]
