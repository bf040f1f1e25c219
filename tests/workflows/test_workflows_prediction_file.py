"""Anyone's prediction file: sizes, whose it is, how it is read, and errors that name the image and the bone."""

import json

import numpy as np
import pytest

from handbone.anatomy import INDEX, NAMES
from handbone.core import rle
from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.core.written import Written
from handbone.formats.contest_csv import CONTEST_HW
from handbone.workflows.prediction_file import FileMember

SIZE = (5, 8)
LUNATE = INDEX["Lunate"]


def square(size=SIZE):
    mask = np.zeros(size, bool)
    mask[1:3, 2:6] = True
    return mask


def write(path, images, *, sizes=None, texts=None):
    """A CSV of one bone: name to mask; `sizes`: name to what the file says; `texts`: run lengths as they are."""
    lines = ["image_name,class,rle" + (",height,width" if sizes else "")]
    for name, mask in images.items():
        text = (texts or {}).get(name, rle.encode(mask))
        size = "".join(f",{side}" for side in sizes[name]) if sizes else ""
        lines.append(f"{name},Lunate,{text}{size}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def record(folder, images, **facts):
    (folder / "predictions.json").write_text(json.dumps({"images": images, **facts}))


def test_a_size_is_what_the_file_says_then_the_record_beside_it_then_the_frame(tmp_path):
    plain = write(tmp_path / "t.csv", {"a.png": square()})
    assert FileMember("m", plain).size_hw("a.png") is None and not FileMember("m", plain).says_size("a.png")
    frame = FileMember("m", plain, reading=RleReading(frame_hw=(50, 80)))
    # How run lengths count says nothing of the image itself.
    assert frame.size_hw("a.png") == (50, 80) and not frame.says_size("a.png")
    record(tmp_path, [{"name": "a.png", "size_hw": [7, 9]}])
    assert FileMember("m", plain).size_hw("a.png") == (7, 9) and FileMember("m", plain).says_size("a.png")
    sized = write(tmp_path / "s.csv", {"a.png": square()}, sizes={"a.png": SIZE})
    assert FileMember("m", sized).size_hw("a.png") == SIZE


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "3",
        '{"images": 3}',
        '{"images": [3]}',
        '{"images": [{"size_hw": [5, 8]}]}',
        '{"images": [{"name": "a.png"}]}',
        '{"images": [{"name": "a.png", "size_hw": [5]}]}',
        '{"images": [{"name": "a.png", "size_hw": [5, 8, 3]}]}',
        '{"images": [{"name": "a.png", "size_hw": ["5", "8"]}]}',
        '{"images": [{"name": "a.png", "size_hw": [5.0, 8.0]}]}',
        '{"images": [{"name": "a.png", "size_hw": [true, true]}]}',
        '{"images": [{"name": "a.png", "size_hw": [0, 8]}]}',
        '{"images": [{"name": "a.png", "size_hw": [-5, 8]}]}',
        '{"images": [{"name": "a.png", "size_hw": [1048576, 8]}]}',
    ],
)
def test_a_record_that_is_no_use_costs_nothing_but_itself(tmp_path, text):
    """It may come with a folder from anywhere."""
    path = write(tmp_path / "predictions.csv", {"a.png": square()})
    (tmp_path / "predictions.json").write_text(text)
    member = FileMember("m", path)
    assert member.recorded == {} and member.model == "" and member.size_hw("a.png") is None
    assert np.array_equal(member.masks("a.png", SIZE).mask(LUNATE), square())


def test_one_bad_entry_of_a_record_hides_no_other(tmp_path):
    path = write(tmp_path / "predictions.csv", {"a.png": square(), "b.png": square()})
    images = [{"name": "a.png", "size_hw": [0, 0]}, {"name": "b.png", "size_hw": list(SIZE), "flags": []}]
    record(tmp_path, images, weights="zero_shot")
    member = FileMember("m", path)
    assert set(member.recorded) == {"b.png"} and member.model == "zero_shot"
    assert not member.says_size("a.png") and member.says_size("b.png")


def test_a_file_is_handbones_own_only_while_nobody_has_changed_it(tmp_path):
    path = write(tmp_path / "predictions.csv", {"a.png": square()})
    assert not FileMember("m", path).is_own
    Written.of("predictions", tmp_path, [path]).write(tmp_path)
    assert FileMember("m", path).is_own
    path.write_text(path.read_text() + "b.png,Lunate,1 1\n")
    assert not FileMember("m", path).is_own
    other = write(tmp_path / "mine.csv", {"a.png": square()})
    assert not FileMember("m", other).is_own, "a file beside those that were written"


def test_other_names_mean_the_same_rows(tmp_path):
    path = write(tmp_path / "t.csv", {"a": square(), "b": ~square()}, sizes={"a": SIZE, "b": SIZE})
    member = FileMember("m", path)
    member.rename({"a": "p1/a.png"})
    assert member.names == ["p1/a.png", "b"]
    assert np.array_equal(member.masks("p1/a.png", SIZE).mask(LUNATE), square())
    assert np.array_equal(member.masks("b", SIZE).mask(LUNATE), ~square())
    member.rename({"b": "b.png"})
    assert member.names == ["a", "b.png"], "renamed from what the file says, not from an earlier name"
    with pytest.raises(KeyError):
        member.texts("p1/a.png")


def test_only_bones_with_a_row_are_said(tmp_path):
    path = write(tmp_path / "t.csv", {"a.png": square()})
    path.write_text(path.read_text() + "a.png,Ulna,\n")
    member = FileMember("m", path)
    assert {name for name, said in zip(NAMES, member.bones("a.png"), strict=True) if said} == {"Lunate", "Ulna"}
    cells = member.cells("a.png", SIZE)
    assert cells[INDEX["Ulna"]] == "" and cells[INDEX["Radius"]] is None


@pytest.mark.parametrize(
    ("reading", "encoded"),
    [
        (RleReading(), rle.encode(square())),
        (RleReading(column_major=True), rle.encode(square().T)),
        (RleReading(zero_based=True), "10 4 18 4"),
        (RleReading(column_major=True, zero_based=True), "11 2 16 2 21 2 26 2"),
    ],
)
def test_run_lengths_of_any_way_become_the_same_masks_and_the_contests_texts(tmp_path, reading, encoded):
    path = write(tmp_path / "t.csv", {"a.png": square()}, texts={"a.png": encoded})
    member = FileMember("m", path, reading=reading)
    assert member.texts("a.png")[LUNATE] == encoded
    assert np.array_equal(member.masks("a.png", SIZE).mask(LUNATE), square())
    assert member.cells("a.png", SIZE)[LUNATE] == "11 4 19 4"
    said = member.probabilities("a.png", SIZE).threshold(0.5)
    assert np.array_equal(said.mask(LUNATE), square()) and said.areas().sum() == square().sum()


def test_another_size_than_the_file_says_is_refused_unless_it_counts_in_a_frame(tmp_path):
    path = write(tmp_path / "t.csv", {"a.png": square()}, sizes={"a.png": SIZE})
    with pytest.raises(HandboneError, match=r"a.png: the file says 8 x 5, but the image has 5 x 8 pixels"):
        FileMember("m", path).masks("a.png", SIZE[::-1])
    framed = FileMember("m", path, reading=RleReading(frame_hw=SIZE))
    assert framed.masks("a.png", (10, 16)).areas()[LUNATE] == 4 * square().sum()


@pytest.mark.parametrize("way", ["cells", "masks"])
def test_run_lengths_that_do_not_fit_name_image_bone_and_file(tmp_path, way):
    path = write(tmp_path / "t.csv", {"a.png": square()}, texts={"a.png": "39 9"})
    member = FileMember("m", path, reading=RleReading(zero_based=True))
    with pytest.raises(HandboneError) as caught:
        getattr(member, way)("a.png", SIZE)
    assert caught.value.what.startswith("a.png, Lunate: ") and caught.value.where == str(path)
    assert "--images" not in (caught.value.remedy or "")


def test_an_unknown_size_is_the_contests_and_a_wrong_guess_says_how_to_tell(tmp_path):
    beyond = CONTEST_HW[0] * CONTEST_HW[1]
    path = write(tmp_path / "t.csv", {"a.png": square()}, texts={"a.png": f"{beyond} 2"})
    with pytest.raises(HandboneError, match="if the image is not of 2048 x 2048 pixels, say where"):
        FileMember("m", path).masks("a.png", CONTEST_HW)
    record(tmp_path, [{"name": "a.png", "size_hw": list(CONTEST_HW)}])
    with pytest.raises(HandboneError) as caught:
        FileMember("m", path).masks("a.png", CONTEST_HW)
    assert "--images" not in str(caught.value), "its size is known"
