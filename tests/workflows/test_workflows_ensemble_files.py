"""Files that are joined: each bone from the members that say anything of it, counted exactly, by every method."""

import csv
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbone.anatomy import COUNT, INDEX, NAMES, select
from handbone.core import rle
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.formats.contest_csv import read_predictions
from handbone.workflows import ensemble
from handbone.workflows.members import known_size, open_members

SIZE = (6, 7)
WRIST = select("wrist")


def write(path, images):
    """A prediction file: image to bone's index to its mask; bones without an entry have no row."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image_name", "class", "rle", "height", "width"])
        for image, bones in images.items():
            rows.writerows([image, NAMES[bone], rle.encode(mask), *mask.shape] for bone, mask in bones.items())
    return str(path)


def square(place):
    mask = np.zeros(SIZE, bool)
    mask[place : place + 3, place : place + 2] = True
    return mask


def joined(folder, words, method, chosen=None, *, images=None, missing="refuse", pixels=False):
    """What is written: image to its 29 masks, None for a bone without a row; and the record."""
    members, chosen = open_members(words), chosen or {}
    join = ensemble.build_method(method, chosen)
    thresholds = np.full(COUNT, 0.5)
    record = ensemble.join_members(
        members,
        join,
        ensemble.ensemble_results(folder),
        images=images or ensemble.common_images(members, missing),
        sizes={},
        thresholds=thresholds,
        facts={},
        by_runs=None if pixels else ensemble.counted(method, chosen, members, thresholds),
        overwrite=True,
    )
    found = {}
    for name, cells in read_predictions(folder / ensemble.TABLE):
        found[name] = [None if cell is None else rle.decode(cell, SIZE) for cell in cells]
    return found, record


planes = st.lists(st.booleans(), min_size=42, max_size=42).map(lambda bits: np.array(bits).reshape(SIZE))
said = st.dictionaries(st.sampled_from([0, 5, 21, 28]), planes, max_size=4)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), files=st.lists(said, min_size=2, max_size=4), pixels=st.booleans())
def test_a_bone_is_voted_on_by_those_that_say_anything_of_it(data, files, pixels, tmp_path_factory):
    """On run lengths and on pixels alike, with weights, against fractions."""
    folder = tmp_path_factory.mktemp("files")
    words = [write(folder / f"m{n}.csv", {"x.png": {26: square(1), **bones}}) for n, bones in enumerate(files)]
    weights = [Fraction(data.draw(st.integers(1, 9)), 10) for _ in files]
    at_least = Fraction(data.draw(st.integers(0, 10)), 10)
    # A weight of a member that lacks a bone has no say there, and is no mistake.
    chosen = {"at_least": float(at_least), "weights": {f"m{n}": float(w) for n, w in enumerate(weights)}}
    if pixels:
        chosen["weights"] = {}
        weights = [Fraction(1)] * len(files)
    found, _ = joined(folder / "out", words, "vote", chosen, pixels=pixels)
    for bone in range(COUNT):
        having = [(bones[bone], w) for bones, w in zip(files, weights, strict=True) if bone in bones]
        if bone == 26:
            assert np.array_equal(found["x.png"][bone], square(1))
        elif not having:
            assert found["x.png"][bone] is None
        else:
            total = sum(w for _, w in having)
            for row, column in np.ndindex(SIZE):
                share = sum(w for mask, w in having if mask[row, column]) / total
                assert found["x.png"][bone][row, column] == (share >= at_least and share > 0)


@pytest.mark.parametrize("otherwise", [{}, {"otherwise": "whole"}])
def test_some_bones_may_come_from_a_file_that_has_no_others(tmp_path, otherwise):
    whole = write(tmp_path / "whole.csv", {"x.png": {bone: square(0) for bone in range(COUNT)}})
    wrist = write(tmp_path / "wrist.csv", {"x.png": {bone: square(3) for bone in WRIST}})
    found, record = joined(tmp_path / "out", [whole, wrist], "class_wise", {"choices": {"wrist": "wrist"}, **otherwise})
    assert record["failed"] == {} and record["masks"] == COUNT
    for bone, mask in enumerate(found["x.png"]):
        assert np.array_equal(mask, square(3 if bone in WRIST else 0)), NAMES[bone]


def test_a_bone_that_its_own_member_lacks_is_that_of_the_others(tmp_path):
    full = {bone: square(0) for bone in range(COUNT)}
    some = {bone: square(3) for bone in WRIST if NAMES[bone] != "Lunate"}
    words = [write(tmp_path / f"{n}.csv", {"x.png": bones}) for n, bones in (("a", full), ("b", some))]
    found, _ = joined(tmp_path / "out", words, "class_wise", {"choices": {"wrist": "b"}, "otherwise": "a"})
    assert np.array_equal(found["x.png"][INDEX["Lunate"]], square(0))
    assert np.array_equal(found["x.png"][INDEX["Hamate"]], square(3))


def test_a_member_that_there_is_not_is_still_a_mistake(tmp_path):
    full = {bone: square(0) for bone in range(COUNT)}
    words = [write(tmp_path / f"{n}.csv", {"x.png": bones}) for n, bones in (("a", full), ("b", {20: square(1)}))]
    for chosen in ({"choices": {"wrist": "c"}}, {"otherwise": "c"}):
        with pytest.raises(HandboneError, match="these members give no mask at all: unknown member 'c'"):
            joined(tmp_path / "out", words, "class_wise", chosen)
    with pytest.raises(UnknownNameError, match="unknown member 'c'"):
        joined(tmp_path / "out", words, "mean", {"weights": {"c": 2.0}})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("weight", [float("inf"), -1.0, 0.0, float("nan")])
@pytest.mark.parametrize("method", ["mean", "vote"])
def test_weights_that_are_no_weights_are_refused(tmp_path, method, weight):
    full = {bone: square(0) for bone in range(COUNT)}
    words = [write(tmp_path / f"{n}.csv", {"x.png": full}) for n in "ab"]
    with pytest.raises(HandboneError, match="weights"):
        joined(tmp_path / "out", words, method, {"weights": {"a": weight}})


def test_an_image_whose_run_lengths_are_broken_costs_no_other(tmp_path):
    good = {bone: square(0) for bone in range(COUNT)}
    a = write(tmp_path / "a.csv", {"x.png": good, "y.png": good})
    b = write(tmp_path / "b.csv", {"x.png": good, "y.png": good})
    text = (tmp_path / "b.csv").read_text().splitlines()
    text[1 + COUNT + 20] = f"y.png,{NAMES[20]},1 999999,6,7"
    (tmp_path / "b.csv").write_text("\n".join(text))
    for pixels in (False, True):
        found, record = joined(tmp_path / "out", [a, b], "vote", pixels=pixels)
        assert list(found) == ["x.png"] and list(record["failed"]) == ["y.png"] and record["images"] == 1
        assert "y.png, Trapezoid: the run '1 999999' extends beyond the image of 7 x 6" in record["failed"]["y.png"]


@pytest.mark.parametrize(
    ("missing", "names", "expected"),
    [
        ("refuse", [["x", "y"], ["y", "x"]], ["x", "y"]),
        ("skip", [["x", "y"], ["y", "z"]], ["y"]),
        ("without", [["x", "y"], ["y", "z"]], ["x", "y", "z"]),
        ("without", [["x"], ["z"]], ["x", "z"]),
        ("refuse", [["x", "y"], ["y"]], "b lacks 1 of 2 images, such as x.png"),
        ("skip", [["x"], ["z"]], "no image is in all members"),
    ],
)
def test_which_images_are_joined(tmp_path, missing, names, expected):
    bones = {20: square(0)}
    words = [
        write(tmp_path / f"{n}.csv", {f"{image}.png": bones for image in images})
        for n, images in zip("ab", names, strict=True)
    ]
    members = open_members(words)
    if isinstance(expected, str):
        with pytest.raises(HandboneError, match=expected):
            ensemble.common_images(members, missing)
    else:
        assert ensemble.common_images(members, missing) == [f"{image}.png" for image in expected]


@pytest.mark.parametrize(
    ("method", "chosen", "refused"),
    [
        ("mean", {}, False),
        ("vote", {"at_least": 0.3}, False),
        ("mean", {"weights": {"a": 2.0}}, True),
        ("class_wise", {"choices": {"wrist": "a"}}, True),
        ("class_wise", {"otherwise": "a"}, True),
        ("best", {}, True),
    ],
)
@pytest.mark.parametrize("missing", ["refuse", "skip", "without"])
def test_settings_that_name_members_need_all_of_them(missing, method, chosen, refused):
    if refused and missing == "without":
        with pytest.raises(HandboneError, match="name members that some images may lack; use --missing skip"):
            ensemble.check_absent(missing, method, chosen)
    else:
        ensemble.check_absent(missing, method, chosen)


@pytest.mark.parametrize(
    ("spellings", "expected"),
    [
        (["x.png", "x"], ["x.png"]),
        (["x", "x.png"], ["x.png"]),
        (["p1/x.png", "x"], ["p1/x.png"]),
        (["p1\\x.png", "x.png"], ["p1\\x.png"]),
        (["x", "x"], ["x"]),
        (["x.jpg", "x.png"], ["x.jpg"]),
        (["p1/x", "x.png"], ["x.png"]),
    ],
)
def test_one_image_has_one_name_in_all_files(tmp_path, spellings, expected):
    words = [write(tmp_path / f"{n}.csv", {name: {20: square(0)}}) for n, name in zip("ab", spellings, strict=True)]
    members = open_members(words)
    assert ensemble.common_images(members, "refuse") == expected
    found, _ = joined(tmp_path / "out", words, "mean")
    assert list(found) == expected and np.array_equal(found[expected[0]][20], square(0))


def test_names_that_repeat_in_other_folders_stay_apart(tmp_path):
    images = {"p1/x.png": {20: square(0)}, "p2/x.png": {20: square(3)}}
    words = [write(tmp_path / f"{n}.csv", images) for n in "ab"]
    found, _ = joined(tmp_path / "out", words, "vote")
    assert np.array_equal(found["p1/x.png"][20], square(0)) and np.array_equal(found["p2/x.png"][20], square(3))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.csv"], "an ensemble needs more than 1 member; give two or more"),
        ([], "an ensemble needs more than 0 member"),
        (["a.csv", "a.csv"], "two members are called 'a'; give one of them another name, such as a-b=a.csv"),
        (["a.csv", "missing.csv"], "missing.csv: there are no predictions; give a run's folder"),
        (["a.csv", "a=b.csv"], "two members are called 'a'"),
    ],
)
def test_members_that_cannot_be_are_said(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write(tmp_path / f"{name}.csv", {"x.png": {20: square(0)}})
    with pytest.raises(HandboneError) as error:
        open_members(words)
    assert message in str(error.value)


def test_a_name_before_a_path_is_the_member_s_unless_the_file_is_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv", "c=d.csv"):
        write(tmp_path / name, {"x.png": {20: square(0)}})
    assert [member.name for member in open_members(["one=a.csv", "b.csv", "c=d.csv"])] == ["one", "b", "c=d"]


def test_a_size_is_measured_or_said_by_a_member_or_the_contest_s(tmp_path):
    with open(tmp_path / "plain.csv", "w") as file:
        file.write("image_name,class,rle\nx.png,Lunate,1 3\n")
    sized = write(tmp_path / "sized.csv", {"x.png": {20: square(0)}})
    plain, other = open_members([str(tmp_path / "plain.csv"), sized])
    assert known_size("x.png", [plain, other], {"x.png": (3, 4)}) == (3, 4)
    assert known_size("x.png", [plain, other], {}) == SIZE and known_size("x.png", [plain], {}) == (2048, 2048)
    assert other.masks("x.png", SIZE) == BoneMasks.from_crops({20: (square(0), (0, 0))}, SIZE)
    with pytest.raises(HandboneError, match="the file says 7 x 6, but the image has 9 x 8 pixels"):
        other.masks("x.png", (8, 9))
    assert plain.bones("x.png").count(True) == 1 and plain.bones("x.png")[INDEX["Lunate"]]
