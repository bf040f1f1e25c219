"""Coarse predictions to refine: joined with their images, read in their own way, made again when one changes."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from handbone.anatomy import INDEX, NAMES
from handbone.core import rle
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.core.samples import Sample
from handbone.formats.contest_csv import PredictionsWriter
from handbone.workflows import refine_sources
from handbone.workflows.refine_sources import ForeignFile, RunSource

SIZE = (20, 30)
LUNATE = INDEX["Lunate"]


def square():
    mask = np.zeros(SIZE, bool)
    mask[3:9, 4:12] = True
    return mask


def write(path, cells, sizes=None):
    """A CSV: image name to its run lengths of the Lunate; `sizes`: name to (height, width) as it is written."""
    lines = ["image_name,class,rle" + ",height,width" * bool(sizes)]
    for name, text in cells.items():
        size = "".join(f",{side}" for side in sizes.get(name, ("", ""))) if sizes else ""
        lines.append(f"{name},Lunate,{text}{size}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "p1").mkdir(parents=True)
    grey = np.tile(np.linspace(20, 200, SIZE[1]).astype(np.uint8), (SIZE[0], 1))
    cv2.imwrite(str(folder / "p1" / "a.png"), grey)
    cv2.imwrite(str(folder / "b.png"), 255 - grey)
    return folder


GOOD = rle.encode(square())


def test_an_image_is_found_by_its_name_and_read_when_it_is_asked_for(tmp_path, images):
    source = ForeignFile(write(tmp_path / "t.csv", {"a": GOOD, "gone.png": GOOD}), images)
    assert source.names == ["a", "gone.png"]
    loaded = source.item("a").load()
    assert loaded.image.shape == SIZE and loaded.cells[LUNATE] == GOOD and loaded.inverted is False
    assert np.array_equal(loaded.coarse.threshold(0.5).mask(LUNATE), square())
    for ask in (source.item("gone.png").load, source.item("gone.png").made_from):
        with pytest.raises(HandboneError, match=r"gone.png: there is no image of this name; add it to --images"):
            ask()


def test_a_table_none_of_whose_images_is_there_is_refused_at_once(tmp_path, images):
    with pytest.raises(HandboneError, match=r"none of the 1 images of .* images are matched by name, such as x.png"):
        ForeignFile(write(tmp_path / "t.csv", {"x.png": GOOD}), images)
    with pytest.raises(HandboneError, match="the file has no rows"):
        ForeignFile(write(tmp_path / "t.csv", {}), images)


def test_everything_that_a_result_is_made_from_counts(tmp_path, images):
    table = tmp_path / "t.csv"

    def mark(cells=GOOD, *, sizes=None, **more):
        return (
            ForeignFile(write(table, {"p1/a.png": cells, "b.png": GOOD}, sizes), images, **more)
            .item("p1/a.png")
            .made_from()
        )

    first = mark()
    assert mark() == first
    others = [mark("5 3"), mark(sizes={"p1/a.png": SIZE}), mark(reading=RleReading(zero_based=True))]
    write(table, {"p1/a.png": GOOD, "b.png": "7 2"})
    assert ForeignFile(table, images).item("p1/a.png").made_from() == first, "rows of another image do not count"
    cv2.imwrite(str(images / "p1" / "a.png"), np.full(SIZE, 9, np.uint8))
    others.append(mark())
    assert len({first, *others}) == 5


def test_a_size_that_the_file_says_is_kept_with_its_rows_and_must_be_the_images(tmp_path, images):
    sizes = {"p1/a.png": SIZE, "b.png": SIZE[::-1], "gone.png": (7, 9)}
    source = ForeignFile(write(tmp_path / "t.csv", dict.fromkeys(sizes, GOOD), sizes), images)
    assert [source.item(name).size_hw for name in sizes] == list(sizes.values())
    source.item("p1/a.png").load()
    with pytest.raises(HandboneError, match=r"b.png: the file says 20 x 30, but the image has 30 x 20 pixels"):
        source.item("b.png").load()


def test_what_cannot_be_read_is_said_of_its_image_when_that_is_asked_for(tmp_path, images):
    table = write(tmp_path / "t.csv", {"p1/a.png": GOOD, "b.png": GOOD}, {"p1/a.png": SIZE, "b.png": ("x", "9")})
    table.write_text(table.read_text() + f"p1/a.png,Lunate,{GOOD},20,30\n")
    source = ForeignFile(table, images)
    twice, no_size = source.item("p1/a.png"), source.item("b.png")
    assert twice.cells == [None] * 29 and no_size.cells[LUNATE] == GOOD and no_size.size_hw is None
    for item, words in ((twice, "Lunate"), (no_size, "no size of an image")):
        for ask in (item.load, item.made_from):
            with pytest.raises(HandboneError, match=words):
                ask()


def test_run_lengths_of_another_way_become_the_contests_texts(tmp_path, images):
    column = rle.encode(square().T)
    source = ForeignFile(write(tmp_path / "t.csv", {"b.png": column}), images, reading=RleReading(column_major=True))
    loaded = source.item("b.png").load()
    assert source.item("b.png").cells[LUNATE] == column and loaded.cells[LUNATE] == GOOD
    assert [bone for bone, text in zip(NAMES, loaded.cells, strict=True) if text is not None] == ["Lunate"]


def test_run_lengths_beyond_the_image_say_how_to_tell_how_they_are_meant(tmp_path, images):
    source = ForeignFile(write(tmp_path / "t.csv", {"b.png": "590 30"}), images)
    with pytest.raises(HandboneError) as caught:
        source.item("b.png").load()
    assert caught.value.what.startswith("its run lengths don't fit the image of 30 x 20 (")
    assert caught.value.remedy == "--rle says how they are meant"


@pytest.mark.parametrize(("invert", "inverted"), [("yes", True), ("no", False)])
def test_a_person_says_how_images_are_read(tmp_path, images, invert, inverted):
    source = ForeignFile(write(tmp_path / "t.csv", {"b.png": GOOD}), images, invert=invert)
    loaded = source.item("b.png").load()
    assert loaded.inverted is inverted and (loaded.image[0, 0] < loaded.image[0, -1]) is np.bool_(inverted)


def test_suspicions_are_asked_about_once_for_the_file_and_for_each_image_unless_a_person_insists(
    tmp_path, images, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        refine_sources, "refuse_if_suspected", lambda path, of: asked.append((path, [i[0] for i in of]))
    )
    sizes = {"p1/a.png": SIZE, "b.png": ("", "")}
    table = write(tmp_path / "t.csv", dict.fromkeys(sizes, GOOD), sizes)
    source = ForeignFile(table, images)
    assert asked == [(table, ["b.png"])], "what says its size is known to be handbone's"
    source.item("p1/a.png").load()
    source.item("b.png").load()
    assert asked[1:] == [(None, ["b.png"])]
    asked.clear()
    ForeignFile(table, images, reading=RleReading()).item("b.png").load()
    assert asked == []


@pytest.fixture
def run(tmp_path, images, monkeypatch):
    """A finished run of one image, and of one that its data set has no more."""
    sample = Sample("b.png", images / "b.png", None, "p")
    workdir = tmp_path / "predictions" / "images"
    workdir.mkdir(parents=True)
    dense = np.zeros((29, *SIZE), np.float32)
    dense[LUNATE][square()] = 0.7
    coarse = BoneProbabilities.from_dense(dense)
    for kind in ("coarse", "merged"):
        coarse.save(workdir / f"b.png.{kind}.npz")
    (workdir / "b.png.json").write_text("{}")
    cache = SimpleNamespace(image=lambda path: np.zeros(SIZE, np.float32))
    dataset = SimpleNamespace(samples=(sample,), invert="no")
    context = SimpleNamespace(dataset=dataset, cache=cache, step=lambda name: tmp_path / name)
    monkeypatch.setattr(refine_sources, "finished_run", lambda folder: context)
    with PredictionsWriter(tmp_path / refine_sources.TABLE) as table:
        for name in ("b.png", "gone.png"):
            table.write_cells(name, [GOOD] * 29, size_hw=SIZE)
    return tmp_path


def test_a_runs_own_probabilities_are_refined_and_not_their_masks(run):
    source = RunSource(run)
    item = source.item("b.png")
    loaded = item.load()
    assert source.invert == "no" and item.size_hw == SIZE and item.cells == [GOOD] * 29
    assert loaded.inverted is None, "the run has read it"
    found = loaded.coarse.dense()[LUNATE]
    assert found[square()] == pytest.approx(0.7, abs=1 / 255) and not found[~square()].any()
    gone = source.item("gone.png")
    assert gone.cells == [GOOD] * 29 and gone.size_hw == SIZE
    for ask in (gone.load, gone.made_from):
        with pytest.raises(HandboneError, match="the run's data set no longer has an image of this name"):
            ask()


def test_what_a_run_left_counts_with_the_image_and_the_rows(run, images):
    def mark():
        return RunSource(run).item("b.png").made_from()

    marks = [mark()]
    assert mark() == marks[0]
    image, coarse, table = (
        images / "b.png",
        run / "predictions" / "images" / "b.png.coarse.npz",
        run / refine_sources.TABLE,
    )
    image.write_bytes(image.read_bytes() + b" ")
    marks.append(mark())
    coarse.write_bytes(coarse.read_bytes() + b" ")
    marks.append(mark())
    table.write_text(table.read_text().replace("b.png,Lunate," + GOOD, "b.png,Lunate,5 1"))
    marks.append(mark())
    assert len(set(marks)) == 4
    coarse.unlink()
    with pytest.raises(HandboneError, match="the run has no prediction of this image any more"):
        mark()
