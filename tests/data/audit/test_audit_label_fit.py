"""Labels of another frame or another image are told from those of their own, in every orientation, scale and shift."""

import numpy as np
import pytest
from test_audit_label_errors import SIZE, hand, seen

from handbone.data.audit.label_errors import compare_labels
from handbone.data.audit.label_owners import owner_of

TURNS = {
    "mirrored": [np.diag([-1, 1]), np.diag([1, -1])],
    "transposed": [np.array([[0, 1], [1, 0]]), np.array([[0, -1], [-1, 0]])],
    "turned": [np.array([[0, 1], [-1, 0]]), np.diag([-1, -1]), np.array([[0, -1], [1, 0]])],
}


def relaid(polygons, matrix, scale=1.0, shift=(0.0, 0.0)):
    """Contours turned about the image's middle, then scaled about its corner and shifted."""
    middle = (SIZE - 1) / 2
    return {b: [((r - middle) @ matrix.T + middle) * scale + shift for r in rs] for b, rs in polygons.items()}


@pytest.mark.parametrize(("kind", "matrix"), [(kind, m) for kind, ms in TURNS.items() for m in ms])
@pytest.mark.parametrize("scale", [1.0, 0.8, 1.25])
def test_labels_in_another_orientation_are_named_so(kind, matrix, scale):
    for seed in (0, 3, 7):
        labels = relaid(hand(seed).polygons(), matrix, scale)
        error = compare_labels(labels, *seen(seed))[0]
        assert error.kind == kind and error.severity == 29
        assert ("times as large" in error.message) == (scale != 1)


@pytest.mark.parametrize("scale", [0.5, 0.8, 0.9, 1.1, 1.25, 2.0])
def test_labels_of_another_size_are_named_with_it(scale):
    for seed in (1, 4):
        error = compare_labels(relaid(hand(seed).polygons(), np.eye(2), scale), *seen(seed))[0]
        assert error.kind == "scaled" and f"{scale:.2f} times as large" in error.message


def test_right_labels_are_in_their_frame():
    for seed in range(20):
        kinds = {error.kind for error in compare_labels(hand(seed).polygons(), *seen(seed))}
        assert not kinds & {"mirrored", "transposed", "turned", "scaled", "other-image", "shifted"}


def test_labels_that_fit_in_no_frame_are_another_image_s():
    """Where the weights are sure of a hand; where they are not, nobody is accused."""
    rng = np.random.default_rng(0)
    kinds = []
    for seed in range(8):
        polygons = hand(seed + 20).polygons()
        turn = np.deg2rad(rng.uniform(25, 60))
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        predicted, confidence = seen(seed)
        kinds.append(compare_labels(relaid(polygons, matrix), predicted, confidence)[0].kind)
        assert compare_labels(relaid(polygons, matrix), predicted, 0.5 * confidence)[0].kind == "not-judged"
    assert kinds.count("other-image") >= 7


def test_exchanged_label_files_are_told_whose_they_are():
    seeds = [30, 31, 32, 33]
    predicted = [seen(seed)[0].centroids_xy() for seed in seeds]
    labels = [hand(seed).centroids_xy() for seed in (31, 30, 32, 33)]
    places = [np.stack(pair) for pair in zip(labels, predicted, strict=True)]
    assert [owner_of(n, [*places, None]) for n in range(4)] == [1, 0, None, None]


def test_few_bones_tell_no_owner():
    places = [np.stack([hand(s).centroids_xy(), seen(t)[0].centroids_xy()]) for s, t in ((31, 30), (30, 31))]
    for place in places:
        place[0, :18] = np.nan
    assert owner_of(0, places) is None
