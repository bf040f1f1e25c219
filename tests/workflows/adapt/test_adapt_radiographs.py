"""What is learned from and judged: each radiograph is outlined once, and numbers are those of other libraries."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.workflows.adapt import judging, radiographs
from handbone.workflows.adapt.judging import judged, mean_dice, outline_all, read
from handbone.workflows.adapt.pseudo_masks import PseudoMasks
from handbone.workflows.adapt.radiographs import Outliner, Radiograph
from handbone.workflows.adapt.settings import AdaptSettings, steps_for
from handbone.workflows.adapt.views import VIEWS, View, agreement

SIZE = (64, 48)
LUNATE, ULNA = INDEX["Lunate"], INDEX["Ulna"]


def pseudo(dropped=()):
    """Pseudo-masks with a contour, of which some bones are dropped for the reasons that are given."""
    polygons = {LUNATE: [np.array([[1, 1], [9, 1], [9, 9]], np.int32)]}
    return PseudoMasks(SIZE, Frame.letterbox(SIZE, (64, 64)), polygons, dict(dropped))


@pytest.fixture
def outliner(tmp_path, monkeypatch):
    """Five radiographs: usable ones with 1 and with 2 bones dropped, no hand, too few bones, and one that is cut."""
    told = {
        40: pseudo({3: "absent"}),
        80: pseudo({3: "absent", 4: "views-disagree"}),
        120: None,
        160: pseudo(dict.fromkeys(range(15), "out-of-place")),
    }
    outlined = []

    def outline(teacher, settings, image):
        outlined.append(image.shape)
        return told[min(told, key=lambda grey: abs(grey - 255 * float(image[0, 0])))]

    monkeypatch.setattr(radiographs, "outline", outline)
    monkeypatch.setattr(radiographs, "read_image", read_plainly)
    paths = []
    for number, grey in enumerate(told):
        paths.append(tmp_path / f"doe_{number}.png")
        cv2.imwrite(str(paths[-1]), np.full(SIZE, grey, np.uint8))
    paths.append(tmp_path / "doe_cut.png")
    paths[-1].write_bytes(b"\x89PNG")
    made = Outliner(None, None, paths, tmp_path / "masks")
    made.outlined = outlined
    return made


def read_plainly(path):
    """A radiograph without stretching its brightness."""
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise HandboneError("is cut", where=path.name)
    return SimpleNamespace(image=values.astype(np.float32) / 255)


def test_only_radiographs_with_enough_credible_bones_are_learned_from(outliner):
    found = outliner(0, [4, 1, 0, 3, 2])
    assert [radiograph.path.name for radiograph in found] == ["doe_1.png", "doe_0.png"], "in the order of the round"
    assert found[0].masks.dropped == {3: "absent", 4: "views-disagree"}
    image = found[0].image()
    assert image.size_hw == SIZE and image.load().shape == SIZE and LUNATE in image.polygons


def test_what_a_round_has_outlined_is_not_outlined_again_and_the_next_round_is_its_own(outliner):
    first = outliner(0, [0, 1, 2])
    assert len(outliner.outlined) == 3
    again = outliner(0, [0, 1, 2])
    assert [one.path for one in again] == [one.path for one in first] and len(outliner.outlined) == 3
    (outliner.folder / "000" / "00001.json").unlink()
    outliner(0, [0, 1, 2])
    outliner(1, [0])
    assert len(outliner.outlined) == 5, "one that was lost, and one of the next round"


def test_a_round_without_anything_to_learn_from_says_what_to_do(outliner):
    with pytest.raises(
        HandboneError, match="do not agree on enough bones in any of the 3 radiographs; give radiographs"
    ):
        outliner(0, [2, 3, 4])


def test_the_summary_counts_what_was_used_and_why_bones_were_not(outliner):
    assert outliner.summary() == {"outlined": 0, "used": 0, "bones_used": 1.0, "left_out": {}}
    outliner(0, [0, 1, 2, 3, 4])
    outliner(1, [0])
    assert outliner.summary() == {
        "outlined": 6,
        "used": 3,
        "bones_used": round(1 - 4 / (3 * COUNT), 4),
        "left_out": {"absent": 3, "views-disagree": 1},
    }
    assert outliner.errors() == {"doe_cut.png: is cut"}, "once, however often it was tried"


@given(st.integers(1, 400), st.integers(1, 300))
def test_the_judged_radiographs_are_spread_evenly_from_first_to_last(count, most):
    numbers = judged(count, AdaptSettings(judged=most))
    assert len(numbers) == min(count, most) and numbers == sorted(set(numbers)) and numbers[0] == 0
    assert most == 1 or numbers[-1] == count - 1
    steps = np.diff(numbers)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


@pytest.mark.parametrize(
    ("radiographs", "steps"), [(1, 300), (100, 300), (101, 303), (499, 1497), (500, 1500), (9000, 1500)]
)
def test_a_training_is_as_long_as_pays(radiographs, steps):
    assert steps_for(radiographs) == steps


def test_a_radiograph_that_cannot_be_read_is_no_result_and_is_not_tried_again(tmp_path, monkeypatch):
    tried = []

    def unreadable(path):
        tried.append(path)
        raise HandboneError("is cut", where="a.png")

    monkeypatch.setattr(judging, "read_image", unreadable)
    for _ in range(2):
        outline_all(None, [tmp_path / "a.png"], tmp_path, "Outlining")
    assert read(tmp_path, 0).masks is None and read(tmp_path, 0).error == "a.png: is cut" and len(tried) == 1


def test_the_mean_dice_is_numpys_mean_of_means():
    rng = np.random.default_rng(2)
    dice = np.where(rng.random((5, COUNT)) < 0.4, np.nan, rng.random((5, COUNT)))
    dice[:, 7] = np.nan
    seen = dice[:, ~np.isnan(dice).all(0)]
    assert mean_dice(dice) == pytest.approx(np.nanmean(np.nanmean(seen, axis=0)))
    assert np.isnan(mean_dice(np.full((2, COUNT), np.nan)))


def test_a_dice_that_cannot_be_told_is_no_reason_to_trust():
    nothing, good = np.full((2, COUNT), np.nan), np.full((2, COUNT), 0.9)
    for before, after in ((good, nothing), (nothing, good), (nothing, nothing)):
        assert len(judging.refusals(before, after, 0, 0)) == 1


def test_agreement_of_views_is_scikit_learns_f1_of_pixels():
    rng = np.random.default_rng(4)
    dense = np.zeros((4, COUNT, *SIZE), bool)
    dense[:, [LUNATE, ULNA]] = rng.random((4, 2, *SIZE)) < 0.4
    dense[2, ULNA] = False
    mean = BoneMasks.from_dense(dense[3])
    found = agreement([BoneMasks.from_dense(each) for each in dense[:3]], mean)
    for bone in (LUNATE, ULNA):
        scores = [f1_score(dense[3, bone].ravel(), each[bone].ravel(), zero_division=0) for each in dense[:3]]
        assert found[bone] == pytest.approx(np.mean(scores))
    assert found[[b for b in range(COUNT) if b not in (LUNATE, ULNA)]].max() == 0, "no view has them"


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_turns_about_the_middle_of_the_grid_and_back(view):
    frame = Frame.around((50, 40), 64, 33)
    seen = view.of(frame)
    middle = frame.to_image(np.array([[16.0, 16.0]]))
    assert seen.to_grid(middle) == pytest.approx(np.array([[16.0, 16.0]]))
    points = middle + np.array([[3.0, 0], [0, 3.0]])
    before, after = frame.to_grid(points) - 16, seen.to_grid(points) - 16
    assert np.hypot(*after.T) == pytest.approx(view.magnify * np.hypot(*before.T))
    turned = np.linalg.det(after) / np.linalg.det(before)
    assert turned == pytest.approx(-(view.magnify**2) if view.mirrored else view.magnify**2)
    x, y = after[0] * ((-1, 1) if view.mirrored else (1, 1))
    assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(view.degrees)


def test_views_differ_and_half_of_them_are_mirrored():
    assert len(set(VIEWS)) == len(VIEWS) == 8 and sum(view.mirrored for view in VIEWS) == 4 and VIEWS[0] == View()


def test_a_radiograph_is_read_only_when_it_is_needed(tmp_path):
    image = Radiograph(tmp_path / "gone.png", pseudo()).image()
    assert image.size_hw == SIZE
    with pytest.raises(HandboneError):
        image.load()
