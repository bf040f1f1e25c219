"""Masks and probabilities by a bone's name, what they say of themselves, and files of them with a wrong bit."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from masks_toys import dense_masks

from handbone.anatomy import COUNT, INDEX, NAMES, SHORT_NAMES
from handbone.core.bone_masks import BoneMasks, shared_area
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError, ShapeError, UnknownNameError
from handbone.core.folders import Place, atomic_dir, swap
from handbone.core.locks import hold


@given(dense_masks())
def test_masks_are_found_by_either_name_of_a_bone(dense):
    masks, probabilities = BoneMasks.from_dense(dense), BoneProbabilities.from_masks(BoneMasks.from_dense(dense))
    for bone, (name, short) in enumerate(zip(NAMES, SHORT_NAMES, strict=True)):
        assert np.array_equal(masks[name], dense[bone]) and np.array_equal(masks[short], dense[bone])
        assert (name in masks) is (short in masks) is bool(dense[bone].any())
        assert np.array_equal(probabilities[short], dense[bone].astype(np.float32))
    assert list(masks) == [name for bone, name in enumerate(NAMES) if dense[bone].any()]
    height, width = dense.shape[1:]
    seen = int(dense.any((1, 2)).sum())
    assert repr(masks) == f"BoneMasks({width} x {height}, {seen} of 29 bones)"
    assert repr(probabilities) == f"BoneProbabilities({width} x {height}, {seen} of 29 bones)"


@given(dense_masks(), st.integers(0, COUNT - 1), st.integers(0, COUNT - 1))
def test_shared_pixels_and_centroids_are_those_of_the_arrays(dense, one, other):
    masks = BoneMasks.from_dense(dense)
    shared = int((dense[one] & dense[other]).sum())
    assert masks.intersections()[one, other] == shared_area(masks, one, masks, other) == shared
    assert masks.areas().tolist() == dense.sum((1, 2)).tolist()
    rows, columns = np.nonzero(dense[one])
    expected = [columns.mean(), rows.mean()] if len(rows) else [np.nan, np.nan]
    assert masks.centroids_xy()[one] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "value", [BoneMasks.from_polygons({}, (4, 5)), BoneProbabilities.from_dense(np.zeros((29, 4, 5)))]
)
def test_a_name_that_there_is_not_is_answered_with_the_nearest(value):
    with pytest.raises(UnknownNameError, match="unknown bone 'Lunat'; did you mean 'Lunate'"):
        value["Lunat"]
    assert value != 3 and value == value
    for index in (-1, COUNT):
        with pytest.raises(HandboneError, match="no bone with the index"):
            BoneMasks.from_polygons({}, (4, 5)).mask(index)


@pytest.mark.parametrize(
    ("boxes", "crops", "words"),
    [
        (np.zeros((28, 4)), 29, "boxes_xyxy must have the shape (29, 4)"),
        (np.zeros((29, 3)), 29, "boxes_xyxy must have the shape (29, 4)"),
        (np.zeros((29, 4)), 28, "29"),
        (np.tile([0, 0, 2, 1], (29, 1)), 29, "a bone's crop must have the shape (1, 2)"),
    ],
)
@pytest.mark.parametrize("kind", [BoneMasks, BoneProbabilities])
def test_values_that_do_not_belong_together_are_refused(kind, boxes, crops, words):
    nothing = np.zeros((0, 0), bool if kind is BoneMasks else np.uint8)
    with pytest.raises(ShapeError) as error:
        kind((4, 5), boxes, (nothing,) * crops)
    assert words in str(error.value).replace(", uint8", "")


@pytest.mark.parametrize("shape", [(28, 4, 5), (29, 4), (29, 4, 5, 1)])
def test_arrays_of_another_shape_are_quoted(shape):
    for make in (BoneMasks.from_dense, BoneProbabilities.from_dense):
        with pytest.raises(ShapeError) as error:
            make(np.zeros(shape))
        assert str(shape) in str(error.value)
    with pytest.raises(ShapeError, match=r"\(29,\), but got \(28,\)"):
        BoneMasks.from_rle([""] * 28, (4, 5))


@given(st.floats(0, 1), st.integers(0, 10**6))
def test_a_threshold_compares_stored_steps(threshold, seed):
    steps = np.random.default_rng(seed).integers(0, 256, (COUNT, 5, 4))
    probabilities = BoneProbabilities.from_dense((steps / 255).astype(np.float32))
    expected = (steps >= max(255 * threshold, 5)) & (steps >= 5)
    assert np.array_equal(probabilities.threshold(threshold).dense(), expected)
    assert probabilities.peak() == pytest.approx(probabilities.dense().max((1, 2)))


@settings(max_examples=40)
@given(dense_masks(), st.sets(st.integers(0, COUNT - 1)))
def test_bones_that_are_taken_out_are_gone_and_others_stay(dense, gone):
    probabilities = BoneProbabilities.from_masks(BoneMasks.from_dense(dense))
    left = probabilities.without(gone).dense()
    for bone in range(COUNT):
        assert np.array_equal(left[bone], np.zeros_like(left[bone]) if bone in gone else dense[bone])


def test_a_wrong_bit_anywhere_in_a_file_is_named_or_changes_nothing(tmp_path):
    """Of a disk or a copy that failed: zip, its compression and what it says of it all notice in their own ways."""
    dense = np.zeros((COUNT, 9, 11), np.float32)
    dense[:3] = np.random.default_rng(0).random((3, 9, 11))
    one = BoneProbabilities.from_dense(dense)
    path = one.save(tmp_path / "a.npz")
    content, refused = path.read_bytes(), 0
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= (1, 0x80, 0xFF)[at % 3]
        path.write_bytes(changed)
        try:
            assert BoneProbabilities.load(path) == one
        except HandboneError as error:
            refused += 1
            assert str(error).startswith(f"{path}: is ")
    assert refused > 0.5 * len(content)


@pytest.mark.skipif(os.name == "nt", reason="Windows has another lock")
@pytest.mark.parametrize("number", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_on_a_disk_without_locks_work_goes_on(tmp_path, monkeypatch, number):
    import errno

    from handbone.core import locks

    def flock(handle, how):
        raise OSError(getattr(errno, number), "no locks")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with hold(tmp_path / "deep" / "lock", where=tmp_path, remedy="wait"):
        assert (tmp_path / "deep" / "lock").read_text().startswith(f"{os.getpid()} on ")
    assert not (tmp_path / "deep" / "lock").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has another lock")
def test_a_lock_file_that_was_just_removed_is_not_the_lock(tmp_path, monkeypatch):
    """Its holder removes the name before it lets go: whoever opened it meanwhile takes the next file of that name."""
    from handbone.core import locks

    lock, flock, removed = tmp_path / "lock", locks.fcntl.flock, []

    def slow(handle, how):
        if not removed:
            removed.append(lock.stat().st_ino)
            lock.rename(tmp_path / "gone")
        flock(handle, how)

    monkeypatch.setattr(locks.fcntl, "flock", slow)
    with hold(lock, where=lock, remedy="wait"):
        assert lock.stat().st_ino != removed[0]
        with pytest.raises(HandboneError, match="another handbone process"), hold(lock, where=lock, remedy="wait"):
            pass


@pytest.mark.parametrize("there", [True, False])
def test_a_place_that_cannot_be_taken_keeps_what_it_had(tmp_path, monkeypatch, there):
    """Renaming fails for a reason that moving files one by one would not help against."""
    import errno

    from handbone.core import folders

    out, new = tmp_path / "out", tmp_path / "new"
    new.mkdir()
    if there:
        out.mkdir()
        (out / "old").write_text("old")

    def move(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders, "move", move)
    with pytest.raises(OSError, match="No space left"):
        swap(new, Place.of(out))
    assert ([path.name for path in out.iterdir()] == ["old"]) if there else not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["new"] + ["out"] * there)


def test_a_folder_in_a_folder_that_is_not_ours_gets_its_files_one_by_one(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and str(path) != str(tmp_path))
    place = Place.of(out)
    assert not place.whole and place.beside(".lock") == out / ".handbone.lock"
    with atomic_dir(out) as temporary:
        assert temporary.parent == out
        (temporary / "a").write_text("new")
    assert sorted(path.name for path in out.iterdir()) == ["a", "mine"]


def test_the_last_bone_is_a_bone():
    masks = BoneMasks.from_crops({COUNT - 1: (np.ones((1, 1), bool), (4, 3))}, (4, 5))
    assert list(masks) == ["Ulna"] and masks["Ulna"][3, 4] and INDEX["Ulna"] == COUNT - 1
