"""What was changed between two sets of masks, against arrays; and names of files that never meet."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from masks_toys import dense_masks

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.workflows.label_diff import by_bone, changes_of
from handbone.workflows.outputs import file_stems, shortened

SIZE = (30, 40)


def masks(**boxes):
    """Name to (left, top, right, bottom)."""
    crops = {}
    for name, (left, top, right, bottom) in boxes.items():
        crops[INDEX[name]] = np.ones((bottom - top, right - left), bool), (left, top)
    return BoneMasks.from_crops(crops, SIZE)


@settings(max_examples=60)
@given(st.data())
def test_changes_are_those_of_the_arrays(data):
    old = data.draw(dense_masks())
    new = old.copy()
    for bone in data.draw(st.sets(st.integers(0, COUNT - 1), max_size=4)):
        new[bone] = data.draw(st.sampled_from([np.zeros_like(old[bone]), old[(bone + 1) % COUNT], ~old[bone]]))
    found = {change.bone: change for change in changes_of("x", BoneMasks.from_dense(old), BoneMasks.from_dense(new))}
    assert set(found) == {name for name, a, b in zip(NAMES, old, new, strict=True) if not np.array_equal(a, b)}
    for name, change in found.items():
        a, b = old[INDEX[name]], new[INDEX[name]]
        assert (change.before, change.after) == (a.sum(), b.sum())
        assert (change.added, change.removed) == ((b & ~a).sum(), (a & ~b).sum())
        assert change.dice == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()), abs=1e-4)
        kind = "removed" if not b.any() else "drawn" if not a.any() else "changed"
        assert change.change == ("renamed" if change.bone_before else kind)
        if change.bone_before is not None:
            former = old[INDEX[change.bone_before]]
            assert change.bone_before != name and change.dice < 0.5
            assert 2 * (former & b).sum() / (former.sum() + b.sum()) >= 0.8
    assert changes_of("x", BoneMasks.from_dense(old), BoneMasks.from_dense(old)) == []


@pytest.mark.parametrize(
    ("after", "change", "former"),
    [
        ({"Lunate": (0, 0, 10, 10)}, None, None),
        ({"Lunate": (0, 0, 10, 9)}, "changed", None),
        ({}, "removed", None),
        # Where the Hamate was: its mask has the Lunate's name now.
        ({"Lunate": (20, 0, 30, 10)}, "renamed", "Hamate"),
        ({"Lunate": (20, 0, 30, 8)}, "renamed", "Hamate"),
        ({"Lunate": (20, 0, 30, 6)}, "changed", None),
        # Still half the Lunate: it grew.
        ({"Lunate": (0, 0, 30, 10)}, "changed", None),
    ],
)
def test_a_bone_that_has_another_one_s_mask_was_renamed(after, change, former):
    before = masks(Lunate=(0, 0, 10, 10), Hamate=(20, 0, 30, 10))
    found = [c for c in changes_of("x", before, masks(**after, Hamate=(20, 0, 30, 10))) if c.bone == "Lunate"]
    assert [(c.change, c.bone_before) for c in found] == ([] if change is None else [(change, former)])


def test_masks_of_other_sizes_are_no_changes():
    other = BoneMasks.from_polygons({}, (40, 30))
    with pytest.raises(HandboneError, match="x: masks of 40 x 30 and of 30 x 40 pixels"):
        changes_of("x", masks(), other)


def test_bones_are_counted_over_images_the_most_changed_first():
    old, little, much = masks(Lunate=(0, 0, 10, 10), Ulna=(0, 0, 5, 5)), masks(Lunate=(0, 0, 10, 9)), masks()
    changes = [*changes_of("a", old, little), *changes_of("b", old, much)]
    rows = {row["bone"]: row for row in by_bone(changes)}
    assert list(rows) == ["Lunate", "Ulna"]
    lunate = rows["Lunate"]
    assert (lunate["changed"], lunate["removed"], lunate["drawn"], lunate["renamed"]) == (1, 1, 0, 0)
    assert (lunate["added_px"], lunate["removed_px"]) == (0, 110)
    assert lunate["dice"] == pytest.approx((2 * 90 / 190 + 0) / 2, abs=1e-4) and rows["Ulna"]["removed"] == 2


PARTS = st.sampled_from(["a", "b", "a.png", "a.tif", "환자", "x" * 240, "x" * 239 + "y"])
KEYS = st.builds(
    lambda folders, name, end: "/".join([*folders, name + end]),
    st.lists(st.sampled_from(["p", "q.png", "r"]), max_size=2),
    PARTS,
    st.sampled_from([".png", ".tif", ".jpg", "", ".png#1", ".png#2"]),
)


@settings(max_examples=150)
@given(st.sets(KEYS, max_size=8))
def test_no_two_images_have_files_of_one_name_and_none_is_a_folder(keys):
    stems = file_stems(keys)
    assert set(stems) == keys and len(set(stems.values())) == len(keys)
    overlays = {key: f"{stem}.png" for key, stem in stems.items()}
    folders = {
        "/".join(overlay.split("/")[:n]) for overlay in overlays.values() for n in range(1, overlay.count("/") + 1)
    }
    assert not set(overlays.values()) & folders
    for key, overlay in overlays.items():
        assert all(len(os.fsencode(part)) <= 255 for part in overlay.split("/"))
        assert overlay.count("/") == key.count("/"), "results mirror the tree"


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["p/a.tif"], ["p/a.png"]),
        (["p/a.tif", "p/a.jpg"], ["p/a.tif.png", "p/a.jpg.png"]),
        (["p/a.tif", "q/a.tif"], ["p/a.png", "q/a.png"]),
        (["a.tif#1", "a.tif#2"], ["a#1.png", "a#2.png"]),
        (["a.tif", "a.png/b.tif"], ["a.tif.png", "a.png/b.png"]),
        (["1.2.840"], ["1.2.840.png"]),
    ],
)
def test_files_are_called_as_their_images_as_far_as_that_is_enough(keys, names):
    assert [f"{file_stems(keys)[key]}.png" for key in keys] == names


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=300))
def test_a_short_name_is_the_name_and_a_long_one_keeps_its_start(name):
    short = shortened(name)
    assert len(os.fsencode(short)) <= 200 and (short == name) is (len(os.fsencode(name)) <= 200)
    assert short == name or (name.startswith(short[:40]) and shortened(short) == short)
