"""What becomes of shapes that tools drew: masks to the last pixel, cut off at the edge, scaled, and what is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import INDEX, NAMES
from handbone.core.errors import HandboneError
from handbone.formats.label_frames import LabelFrame, label_frame
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.shapes import Shape, filled, labels_of

SIZE = (20, 30)
LUNATE, SCAPHOID, TRIQUETRUM = (INDEX[name] for name in ("Lunate", "Scaphoid", "Triquetrum"))
SQUARE = np.array([(2, 3), (9, 3), (9, 8), (2, 8)], float)


def builder(size_hw=SIZE, **class_map):
    return LabelsBuilder("a.json", size_hw, class_map)


def problems(labels, *, apart=("missing-bones",)):
    return {problem.rule: problem for problem in labels.problems if problem.rule not in apart}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    corner=st.tuples(st.integers(-12, 35), st.integers(-12, 25)),
    shape=st.tuples(st.integers(1, 14), st.integers(1, 14)),
)
def test_a_mask_is_put_where_it_was_and_cut_off_at_the_edge(seed, corner, shape):
    mask = np.random.default_rng(seed).random(shape) < 0.6
    expected = np.zeros(SIZE, bool)
    for row, column in np.argwhere(mask):
        y, x = row + corner[1], column + corner[0]
        if 0 <= y < SIZE[0] and 0 <= x < SIZE[1]:
            expected[y, x] = True
    built = builder()
    built.add_mask(LUNATE, mask, corner)
    labels = built.finish()
    assert np.array_equal(labels.masks().mask(LUNATE), expected)
    assert labels.masks().areas().sum() == expected.sum(), "and no other bone is there"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_several_masks_of_a_bone_are_their_union_with_all_holes_that_none_covers(seed):
    random = np.random.default_rng(seed)
    built, expected = builder(), np.zeros(SIZE, bool)
    for _ in range(3):
        mask = random.random((9, 9)) < 0.7
        left, top = random.integers(0, 20), random.integers(0, 11)
        built.add_mask(LUNATE, mask, (left, top))
        expected[top : top + 9, left : left + 9] |= mask
    assert np.array_equal(built.finish().masks().mask(LUNATE), expected)


def test_an_outline_and_a_mask_with_a_hole_are_joined():
    ring = np.ones((7, 7), bool)
    ring[2:5, 2:5] = False
    built = builder()
    built.add(LUNATE, SQUARE)
    built.add_mask(LUNATE, ring, (15, 5))
    labels = built.finish()
    expected = np.zeros(SIZE, bool)
    expected[3:9, 2:10] = True
    expected[5:12, 15:22] |= ring
    assert np.array_equal(labels.masks().mask(LUNATE), expected)
    assert problems(labels)["several-contours"].message == "several contours for Lunate"


@pytest.mark.parametrize("scale", [(2.0, 2.0), (0.5, 0.5), (1.5, 2.0)])
def test_contours_of_another_size_keep_their_pixel_centres(scale):
    built = builder()
    assert built.use_frame(LabelFrame(scale, "because"))
    built.add(LUNATE, SQUARE)
    labels = built.finish()
    (found,) = labels.polygons[LUNATE]
    # The middle of the first pixel, at 0, lies at half a pixel of the larger grid less the half of its own.
    assert np.allclose(found, [((x + 0.5) * scale[0] - 0.5, (y + 0.5) * scale[1] - 0.5) for x, y in SQUARE])
    assert problems(labels)["scaled-labels"].severity == "warning"


def test_a_mask_of_a_larger_frame_is_scaled_with_it():
    built = builder()
    assert built.use_frame(LabelFrame((0.5, 0.5), "twice as large"))
    built.add_mask(LUNATE, np.ones((20, 20), bool), (40, 10))
    mask = built.finish().masks().mask(LUNATE)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 14, 20, 29)


@pytest.mark.parametrize(
    ("frame", "used", "rule", "severity"),
    [
        (LabelFrame(), True, None, None),
        (LabelFrame(reason="sizes differ"), True, "metadata-size", "note"),
        (LabelFrame(None, "another shape"), False, "other-size", "error"),
        (LabelFrame((2.0, 2.0), "twice"), True, "scaled-labels", "warning"),
    ],
)
def test_a_frame_is_used_said_or_refused(frame, used, rule, severity):
    built = builder()
    assert built.use_frame(frame) is used
    found = problems(built.finish())
    assert {name: problem.severity for name, problem in found.items()} == ({rule: severity} if rule else {})
    assert not rule or found[rule].message == frame.reason


# Of an image of 30 x 20 pixels the last centre lies at 29 and 19; a contour may run along the borders of its pixels.
EDGES = [
    ((0, 0), None),
    ((-1, -1), None),
    ((-1.01, 0), "points-outside"),
    ((20, 0), None),
    ((23, 0), None),
    ((23.01, 0), "points-outside"),
    ((0, 15), None),
    ((0, 15.01), "points-outside"),
    ((29, 0), "points-outside"),
    ((29.01, 0), "outside-image"),
    ((0, 19.01), "outside-image"),
    ((-7.01, 0), "outside-image"),
    ((0, -5.01), "outside-image"),
    ((-7, 0), "points-outside"),
]


@pytest.mark.parametrize(("shift", "rule"), EDGES)
def test_contours_at_the_edge_are_said_to_leave_the_image_from_a_pixel_on(shift, rule):
    built = builder()
    built.add(LUNATE, np.array([(0, 0), (7, 0), (7, 5), (0, 5)], float) + shift)
    found = problems(built.finish())
    assert set(found) == ({rule} if rule else set())
    if rule == "outside-image":
        assert found[rule].message == "a contour of Lunate lies wholly outside the image of 30 x 20"


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (SQUARE[:2], "is not a list of three or more points (x, y)"),
        (SQUARE * np.nan, "has a point that is not a number"),
        (SQUARE * 1e6, "far from the image of 30 x 20"),
        (np.tile([(0.0, 0.0), (29.0, 19.0)], (999, 1)), "times as long as half the image's border"),
    ],
)
def test_a_contour_that_cannot_be_drawn_is_left_out_and_the_others_stay(points, words):
    built = builder()
    built.add(LUNATE, points)
    built.add(SCAPHOID, SQUARE)
    labels = built.finish()
    found = problems(labels, apart=("missing-bones", "unordered"))["broken-outline"]
    assert found.message.startswith("a contour of Lunate ") and words in found.message
    assert set(labels.polygons) == {SCAPHOID} and found.remedy.startswith("draw it again")


def test_a_class_of_several_bones_is_read_as_the_first_and_misses_none_of_them():
    built = builder(wrist="Scaphoid+Lunate", other="skip", moon="Lunate")
    assert built.bone("wrist") == SCAPHOID and built.bone("moon") == LUNATE and built.bone("other") is None
    built.add(SCAPHOID, SQUARE)
    labels = built.finish(expected=[SCAPHOID, LUNATE, TRIQUETRUM])
    found = problems(labels, apart=())
    assert found["merged-class"].message == "'wrist' merges Scaphoid and Lunate"
    assert found["missing-bones"].message == "no contour for Triquetrum", "the wrist holds both of its bones"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("Lunat", "did you mean 'Lunate'? Correct it, or map it in [data.class_map]"),
        ("qqq", ". Correct it, or map it in [data.class_map]; until then this annotation is ignored"),
    ],
)
def test_a_label_that_nobody_knows_says_how_it_would_be_known(label, words):
    built = builder()
    assert built.bone(label) is None
    found = problems(built.finish())["unknown-label"]
    assert words in found.remedy and repr(label) in found.message and "?." not in found.remedy


def test_the_order_of_annotations_is_noted_only_where_it_is_another():
    for bones, noted in (((LUNATE, TRIQUETRUM), False), ((TRIQUETRUM, LUNATE), True), ((LUNATE, LUNATE), False)):
        built = builder()
        for bone in sorted(bones) if not noted else sorted(bones, reverse=True):
            built.add(bone, SQUARE)
        assert ("unordered" in problems(built.finish())) is noted
    assert NAMES[LUNATE] == "Lunate"


def test_what_a_tool_drew_but_nobody_reads_is_said_with_its_label():
    shapes = [Shape("Lunate", problem="is a line, which is not read"), Shape("Scaphoid", points_xy=SQUARE)]
    labels = labels_of(shapes, builder(), declared_hw=None, size_hw=SIZE)
    assert problems(labels)["broken-outline"].message == "an annotation of Lunate is a line, which is not read"
    assert set(labels.polygons) == {SCAPHOID}
    labels = labels_of(shapes, builder(), declared_hw=(30, 20), size_hw=SIZE)
    assert not labels.polygons or "other-size" not in problems(labels)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(0, 24), st.integers(0, 14)),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
)
def test_a_rectangle_that_counts_from_corners_of_pixels_fills_exactly_those_inside(corner, sides):
    (left, top), (across, down) = corner, sides
    points = np.array([(left, top), (left + across, top), (left + across, top + down), (left, top + down)], float)
    shape = filled("Lunate", points, SIZE)
    expected = np.zeros(SIZE, bool)
    expected[top : top + down, left : left + across] = True
    canvas = np.zeros(SIZE, bool)
    x, y = shape.corner_xy
    canvas[y : y + shape.mask.shape[0], x : x + shape.mask.shape[1]] = shape.mask
    assert np.array_equal(canvas, expected)


def test_an_outline_between_pixels_covers_none_and_says_so():
    shape = filled("Lunate", np.array([(5.1, 5.1), (5.2, 5.1), (5.2, 5.2)]), SIZE)
    assert shape.problem == "covers no pixel" and shape.mask is None
    assert filled("Lunate", SQUARE[:2], SIZE).problem == "is not a list of three or more points (x, y)"


def test_shapes_without_points_say_nothing_of_their_frame():
    assert Shape("a").extent().shape == (0, 2) and Shape("a", points_xy=SQUARE * np.inf).extent().shape == (0, 2)
    assert Shape("a", mask=np.ones((3, 4), bool), corner_xy=(5, 6)).extent().tolist() == [[5, 6], [8, 8]]
    frame = label_frame((40, 60), SIZE, [Shape("a", mask=np.ones((9, 9), bool), corner_xy=(50, 30)).extent()])
    assert frame.scale_xy == (0.5, 0.5), "a mask beyond the image was drawn on the declared size"


def test_an_image_that_is_too_large_is_refused_with_its_file():
    with pytest.raises(HandboneError, match=r"^a\.json: its image claims 50000 x 20000 pixels"):
        builder((20_000, 50_000))
