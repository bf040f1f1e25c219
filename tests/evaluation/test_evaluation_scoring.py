"""How masks are scored: tolerances as words, and every column against the functions of one metric, MONAI and pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, ShapeError
from handbone.evaluation import metrics
from handbone.evaluation.scoring import DISTANCES, Scoring


@pytest.mark.parametrize(
    ("words", "pixels", "millimetres"),
    [
        ([], (1.0, 2.0), ()),
        (["2px"], (2.0,), ()),
        (["3"], (3.0,), ()),
        (["0.5mm"], (), (0.5,)),
        (["2mm", "0.5 mm", "1px"], (1.0,), (0.5, 2.0)),
        (["2px", "1px", "2.0px", " 1 "], (1.0, 2.0), ()),
        (["0px"], (0.0,), ()),
    ],
)
def test_tolerances_are_words_with_a_unit(words, pixels, millimetres):
    found = Scoring.parse(words, 3.0)
    assert (found.tolerances_px, found.tolerances_mm, found.band_px) == (pixels, millimetres, 3.0)


@pytest.mark.parametrize(
    "word", ["", "px", "-1px", "1cm", "1e3", ".5mm", "1.mm", "2px;", "zwei", "1 2", "٢px", "nan", "9" * 400]
)
def test_any_other_word_is_no_tolerance(word):
    with pytest.raises(HandboneError, match=r"is no tolerance; write pixels or millimetres: 2px, 0\.5mm"):
        Scoring.parse([word])


def blobs(seed, size_hw=(31, 23)):
    """A few bones of random blocks, some missing on either side; others identical."""
    rng = np.random.default_rng(seed)
    pair = np.zeros((2, COUNT, *size_hw), bool)
    for bone in range(6):
        for side in pair:
            if rng.random() < 0.8:
                for _ in range(rng.integers(1, 4)):
                    top, left = rng.integers(0, size_hw[0] - 2), rng.integers(0, size_hw[1] - 2)
                    side[bone, top : top + rng.integers(1, 12), left : left + rng.integers(1, 12)] = True
    return tuple(BoneMasks.from_dense(side) for side in pair)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 2.0, 3.5]))
def test_each_column_is_the_metric_of_that_name(seed, band):
    truth, found = blobs(seed)
    columns = Scoring((0.0, 1.5), (), band).columns(truth, found)
    expected = {
        "dice": metrics.dice_contest(truth, found),
        "nsd_0px": metrics.nsd(truth, found, 0.0),
        "nsd_1.5px": metrics.nsd(truth, found, 1.5),
        "hd95_px": metrics.hd95(truth, found),
        "assd_px": metrics.assd(truth, found),
        "boundary_iou": metrics.boundary_iou(truth, found, band),
        "ground_truth_area": truth.dense().sum((1, 2)),
        "area": found.dense().sum((1, 2)),
    }
    there, seen = truth.dense().any((1, 2)), found.dense().any((1, 2))
    flags = {"both_empty": ~there & ~seen, "missed": there & ~seen, "invented": seen & ~there}
    assert set(columns) == {*expected, *flags}
    for name, values in {**expected, **flags}.items():
        np.testing.assert_array_equal(columns[name], values, name)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([(1.0, 1.0), (0.1, 0.1), (0.3, 0.15), (2.0, 0.7)]))
def test_millimetres_are_pixels_of_a_stretched_image(seed, spacing):
    """Whole factors stretch every pixel into a block: distances between centres are then the same in both."""
    truth, found = blobs(seed)
    columns = Scoring((1.0,), (0.25, 1.0), 2.0).columns(truth, found, spacing)
    distances = all_boundary_distances(truth, found, spacing)
    diagonal = np.hypot(31 * spacing[0], 23 * spacing[1])
    for bone, (there, back) in enumerate(distances):
        if not len(there) and not len(back):
            expected = (np.nan,) * 4
        elif not len(there) or not len(back):
            expected = 0.0, 0.0, diagonal, diagonal
        else:
            both = np.concatenate([there, back])
            hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
            # Tolerances are met to the last bit by no library: none lies at a sum of these spacings.
            expected = (both <= 0.25).mean(), (both <= 1.0).mean(), hd95, both.mean()
        got = [columns[name][bone] for name in ("nsd_0.25mm", "nsd_1mm", "hd95_mm", "assd_mm")]
        edge = any(np.isclose(np.concatenate([there, back]), t, atol=1e-9).any() for t in (0.25, 1.0))
        assert got[2:] == pytest.approx(expected[2:], rel=1e-5, nan_ok=True)
        assert edge or got[:2] == pytest.approx(expected[:2], nan_ok=True)


def boundary(mask):
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inner)


def all_boundary_distances(truth, found, spacing):
    result = []
    for one, other in zip(truth.dense(), found.dense(), strict=True):
        a, b = boundary(one) * spacing, boundary(other) * spacing
        if len(a) and len(b):
            table = np.linalg.norm(a[:, None] - b[None], axis=2)
            result.append((table.min(1), table.min(0)))
        else:
            result.append((np.full(len(a), np.inf), np.full(len(b), np.inf)))
    return result


def test_without_a_scale_millimetres_are_unknown_and_without_being_asked_for_there_are_none():
    truth, found = blobs(3)
    columns = Scoring((1.0,), (0.5,)).columns(truth, found)
    assert all(np.isnan(columns[name]).all() for name in ("nsd_0.5mm", "hd95_mm", "assd_mm"))
    assert not any(name.endswith("mm") for name in Scoring((1.0,)).columns(truth, found, (0.1, 0.1)))
    assert {name for name in columns if name.startswith(("hd95", "assd"))} == set(DISTANCES)


@pytest.mark.parametrize("seed", range(3))
def test_a_perfect_mask_has_the_best_of_everything(seed):
    truth, _ = blobs(seed)
    columns = Scoring((0.0,), (0.1,)).columns(truth, truth, (0.2, 0.2))
    there = truth.present()
    for name, best in {"dice": 1, "nsd_0px": 1, "nsd_0.1mm": 1, "boundary_iou": 1}.items():
        assert (columns[name][there] == best).all()
    assert all((columns[name][there] == 0).all() for name in DISTANCES)
    assert not columns["missed"].any() and not columns["invented"].any()


def test_masks_of_another_image_are_refused():
    with pytest.raises(ShapeError, match=r"\(31, 23\) like the ground truth's"):
        Scoring().columns(blobs(0)[0], blobs(0, (30, 23))[1])


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(0, 7), st.integers(0, 9))
def test_no_metric_but_the_worst_case_depends_on_the_room_around_a_hand(seed, down, right):
    """A margin of background moves masks, and changes nothing; a missing bone costs the larger image's diagonal."""
    pair = blobs(seed)
    wide = [np.pad(each.dense(), ((0, 0), (down, 2), (right, 5))) for each in pair]
    small, large = Scoring((1.0,)).columns(*pair), Scoring((1.0,)).columns(*map(BoneMasks.from_dense, wide))
    both = pair[0].present() & pair[1].present()
    for name, values in small.items():
        # An edge of the image counts as a boundary either way: outside of it nothing is bone.
        np.testing.assert_allclose(np.asarray(large[name], float)[both], np.asarray(values, float)[both], err_msg=name)
    one = pair[0].present() ^ pair[1].present()
    assert large["hd95_px"][one] == pytest.approx(np.hypot(31 + down + 2, 23 + right + 5))
