"""A refined mask takes the coarse one's place where it is credible, without edges, and nowhere else."""

import cv2
import numpy as np
import pytest
from gate_trials import constant_gate

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.merge import merge, paste_weight
from handbone.recipe import schema

GATE = schema.Merge()
LUNATE, CAPITATE, RADIUS = INDEX["Lunate"], INDEX["Capitate"], INDEX["Radius"]


def probabilities(discs, size=200):
    """Bone index to (x, y, radius, probability)."""
    dense = np.zeros((COUNT, size, size), np.float32)
    for bone, (x, y, radius, p) in discs.items():
        mask = np.zeros((size, size), np.uint8)
        cv2.circle(mask, (x, y), radius, 1, -1)
        dense[bone] = mask * np.float32(p)
    return BoneProbabilities.from_dense(dense)


WINDOW = Frame.around((100, 100), 120, 60)


def merged_with(refined, coarse=None, bones=(LUNATE,), frame=WINDOW, settings=GATE):
    coarse = coarse or probabilities({LUNATE: (100, 100, 15, 0.9), RADIUS: (100, 140, 20, 0.9)})
    return coarse, merge(coarse, probabilities(refined), frame, settings, bones=bones)


def test_a_credible_mask_replaces_the_coarse_one_inside_the_roi_only():
    coarse, merged = merged_with({LUNATE: (102, 100, 15, 1.0), RADIUS: (90, 130, 20, 1.0)})
    (decision,) = merged.decisions
    assert decision.bone == "Lunate" and decision.used and decision.evidence.agreement > 0.9
    dense, before = merged.probabilities.dense(), coarse.dense()
    assert dense[LUNATE, 100, 116] == pytest.approx(1.0, abs=0.01)
    assert dense[LUNATE, 100, 86] == pytest.approx(0.0, abs=0.01)
    assert np.array_equal(dense[RADIUS], before[RADIUS])


def test_a_share_averages_both_networks_where_both_see_the_bone():
    half = schema.Merge(share=0.6)
    seen = {LUNATE: (102, 100, 15, 1.0), CAPITATE: (100, 80, 12, 0.8)}
    _, merged = merged_with(seen, bones=(LUNATE, CAPITATE), settings=half)
    assert all(decision.used for decision in merged.decisions)
    dense = merged.probabilities.dense()
    assert dense[LUNATE, 100, 116] == pytest.approx(0.6, abs=0.01), "seen by the refiner alone"
    assert dense[LUNATE, 100, 86] == pytest.approx(0.4 * 0.9, abs=0.01), "seen by the coarse network alone"
    assert dense[LUNATE, 100, 100] == pytest.approx(0.6 + 0.4 * 0.9, abs=0.01)
    assert dense[CAPITATE, 80, 100] == pytest.approx(0.8, abs=0.01), "a bone that the coarse network missed"


def test_with_caution_the_coarse_network_decides_where_it_is_sure():
    """The refiner's own pixels stay below one half and the coarse network's above: only unsure ones change sides."""
    coarse = probabilities({LUNATE: (100, 100, 15, 1.0), CAPITATE: (100, 80, 12, 0.9)})
    refined = probabilities({LUNATE: (102, 100, 15, 1.0)})
    settings, gate = schema.Merge(share=0.75, cautious_share=0.45), constant_gate(0.3, 0.2, 0.4)
    merged = merge(coarse, refined, WINDOW, settings, bones=(LUNATE,), gate=gate)
    (decision,) = merged.decisions
    assert (decision.used, decision.share, decision.reason) == (True, 0.45, "credible, with caution")
    dense = merged.probabilities.dense()
    assert dense[LUNATE, 100, 116] == pytest.approx(0.45, abs=0.01), "seen by the refiner alone"
    assert dense[LUNATE, 100, 86] == pytest.approx(0.55, abs=0.01), "seen by the coarse network alone"
    assert np.array_equal(dense[CAPITATE], coarse.dense()[CAPITATE])


def test_each_mask_has_the_share_of_its_own_verdict():
    """One bone accepted, one with caution, one refused, one that only the refiner sees: each by itself."""
    coarse = probabilities({LUNATE: (80, 90, 12, 0.8), CAPITATE: (120, 90, 12, 0.8), RADIUS: (80, 125, 12, 0.8)})
    added = INDEX["Hamate"]
    refined = {bone: (*at, 12, 1.0) for bone, at in ((LUNATE, (80, 90)), (CAPITATE, (120, 90)), (RADIUS, (80, 125)))}
    gate = constant_gate(0.5, 0.2, 0.4, of_bones={LUNATE: 0.1, CAPITATE: 0.3, RADIUS: 0.9})
    merged = merge(
        coarse,
        probabilities({**refined, added: (120, 125, 12, 0.95)}),
        WINDOW,
        schema.Merge(share=0.75, cautious_share=0.45),
        bones=(LUNATE, CAPITATE, RADIUS, added),
        gate=gate,
    )
    assert [decision.share for decision in merged.decisions] == [0.75, 0.45, 0.0, 1.0]
    dense = merged.probabilities.dense()
    found = [
        dense[b, y, x] for b, x, y in ((LUNATE, 80, 90), (CAPITATE, 120, 90), (RADIUS, 80, 125), (added, 120, 125))
    ]
    assert found == pytest.approx([0.95, 0.89, 0.8, 0.95], abs=0.01)


def test_evidence_knows_how_sure_the_refiner_is_of_all_bones_of_the_roi():
    seen = {LUNATE: (100, 100, 15, 1.0), CAPITATE: (100, 80, 12, 0.6)}
    both = probabilities({LUNATE: (100, 100, 15, 0.9), CAPITATE: (100, 80, 12, 0.9)})
    _, merged = merged_with(seen, both, bones=(LUNATE, CAPITATE, RADIUS))
    assert [decision.evidence.roi_after for decision in merged.decisions] == pytest.approx([0.8] * 3, abs=0.003)
    # What the coarse network missed or misplaced says nothing of how well the refiner sees, whatever the limits are.
    misplaced = probabilities({LUNATE: (100, 100, 15, 0.9), CAPITATE: (120, 120, 12, 0.9)})
    for earlier in (None, misplaced):
        for settings in (GATE, GATE.model_copy(update={"min_agreement": 0.0})):
            _, merged = merged_with(seen, earlier, bones=(LUNATE, CAPITATE, RADIUS), settings=settings)
            assert [d.evidence.roi_after for d in merged.decisions] == pytest.approx([1.0] * 3, abs=0.003)
    _, merged = merged_with({})
    assert merged.decisions[0].evidence.roi_after is None


@pytest.mark.parametrize(
    ("refined", "words"),
    [
        ({}, "nothing"),
        ({LUNATE: (60, 60, 15, 1.0)}, "agrees too little"),
        ({LUNATE: (100, 100, 30, 1.0)}, "agrees too little"),
        ({LUNATE: (100, 100, 22, 1.0)}, "area"),
        ({LUNATE: (108, 100, 15, 1.0)}, "moved"),
    ],
)
def test_an_incredible_mask_is_refused_and_the_coarse_one_stays(refined, words):
    coarse, merged = merged_with(refined)
    (decision,) = merged.decisions
    assert not decision.used and words in decision.reason
    assert np.array_equal(merged.probabilities.dense(), coarse.dense())


def test_a_bone_that_only_the_refiner_found_is_taken():
    _, merged = merged_with({CAPITATE: (100, 80, 12, 0.95)}, bones=(CAPITATE,))
    assert merged.decisions[0].used and merged.decisions[0].evidence.area_ratio is None
    assert merged.probabilities.dense()[CAPITATE, 80, 100] == pytest.approx(0.95, abs=0.01)


def test_a_bone_seen_elsewhere_by_the_coarse_network_is_not_doubled():
    coarse = probabilities({CAPITATE: (20, 20, 12, 0.9)})
    _, merged = merged_with({CAPITATE: (100, 80, 12, 0.95)}, coarse, bones=(CAPITATE,))
    assert not merged.decisions[0].used and "outside" in merged.decisions[0].reason


def test_one_bone_found_by_neither_stage_is_said_to_be_missing():
    _, merged = merged_with({}, bones=(CAPITATE,))
    assert not merged.decisions[0].used and "neither" in merged.decisions[0].reason


def test_overlaps_between_bones_survive():
    both = {LUNATE: (100, 100, 15, 1.0), CAPITATE: (104, 100, 15, 1.0)}
    _, merged = merged_with(both, probabilities(both), bones=(LUNATE, CAPITATE))
    masks = merged.probabilities.threshold(0.5)
    assert np.count_nonzero(masks.mask(LUNATE) & masks.mask(CAPITATE)) > 400


def test_the_paste_fades_without_a_step_across_the_rois_edge():
    coarse = probabilities({RADIUS: (100, 100, 90, 0.6)})
    _, merged = merged_with({RADIUS: (100, 100, 90, 1.0)}, coarse, bones=(RADIUS,), settings=schema.Merge(feather=0.25))
    row = merged.probabilities.dense()[RADIUS, 100, 15:185]
    assert row[0] == pytest.approx(0.6, abs=0.01) and row[85] == pytest.approx(1.0, abs=0.01)
    assert np.abs(np.diff(row)).max() < 0.03


@pytest.mark.parametrize("degrees", [0, 30])
def test_the_weight_is_one_inside_and_zero_at_the_edge(degrees):
    frame = Frame.around((100, 90), 80, 160, degrees=degrees, mirrored=True)
    (left, top, right, bottom), weight = paste_weight(frame, (200, 210), 0.1)
    assert weight.shape == (bottom - top, right - left) and weight.dtype == np.float32
    dense = np.zeros((200, 210), np.float32)
    dense[top:bottom, left:right] = weight
    inside = frame.unwarp(np.ones(frame.size_hw, np.float32), (200, 210))
    assert dense[inside == 0].max() == 0
    assert dense[90, 100] == 1
    assert dense.sum() == pytest.approx(80 * 80 * 0.81, rel=0.03)


def test_a_roi_off_the_images_edge():
    coarse = probabilities({LUNATE: (190, 190, 15, 0.9)})
    _, merged = merged_with({LUNATE: (189, 190, 15, 1.0)}, coarse, frame=Frame.around((195, 195), 120, 60))
    assert merged.decisions[0].used
    box, weight = paste_weight(Frame.around((500, 500), 100, 60), (200, 200), 0.1)
    assert box == (0, 0, 0, 0) and weight.size == 0
    coarse, merged = merged_with({LUNATE: (100, 100, 15, 1.0)}, frame=Frame.around((500, 500), 100, 60))
    assert not merged.decisions[0].used and np.array_equal(merged.probabilities.dense(), coarse.dense())


def test_masks_are_compared_where_the_roi_has_its_say_and_nowhere_else():
    """Towards its edge the ROI fades: what the refiner sees there is hardly used, and must not decide."""
    settings = schema.Merge(feather=0.3)
    coarse = probabilities({LUNATE: (100, 100, 15, 0.9)})
    # The ROI reaches from 40 to 160; it has less than half a say outside of 58 to 142.
    for x, seen in ((53, False), (147, False), (64, True), (136, True)):
        refined = probabilities({LUNATE: (100, 100, 15, 1.0)}).dense()
        refined[LUNATE, 96:105, x - 2 : x + 3] = 1.0
        merged = merge(coarse, BoneProbabilities.from_dense(refined), WINDOW, settings, bones=(LUNATE,))
        evidence = merged.decisions[0].evidence
        assert (evidence.agreement < 1.0) is seen and (evidence.area_ratio > 1.0) is seen
        assert (evidence.shift > 0.0) is seen
