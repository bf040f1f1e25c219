"""Ray lengths against shapes whose lengths are known."""

import numpy as np
import pytest

from handbone.synthetic.forearm import loft_radius, loft_ulna, sphere_faces
from handbone.synthetic.render import box_of, ray_lengths
from handbone.synthetic.skeleton import load_skeleton


def _ball(radius: float, centre, rings: int = 60):
    latitude = np.arange(1, rings) / rings * np.pi
    longitude = np.arange(2 * rings) / rings * np.pi
    x = np.outer(np.sin(latitude), np.cos(longitude))
    z = np.outer(np.sin(latitude), np.sin(longitude))
    y = np.outer(np.cos(latitude), np.ones_like(longitude))
    ring = np.stack([x, y, z], -1).reshape(-1, 3)
    points = np.vstack([[[0.0, 1.0, 0.0]], ring, [[0.0, -1.0, 0.0]]])
    return points * radius + centre, sphere_faces(rings - 1, 2 * rings)


def test_a_ball_is_as_long_as_its_chords():
    points, faces = _ball(30.0, [40.3, 41.7, 500.0])
    lengths = ray_lengths(points, faces, (0, 0, 90, 90))
    y, x = np.mgrid[:90, :90]
    square = 30.0**2 - (x - 40.3) ** 2 - (y - 41.7) ** 2
    expected = 2 * np.sqrt(np.maximum(square, 0))
    inside = square > 60
    assert np.abs(lengths - expected)[inside].max() < 0.3
    assert lengths[square < -10].max() == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_faces_may_all_point_inwards(order):
    points, faces = _ball(20.0, [30.0, 30.0, 0.0])
    lengths = ray_lengths(points, faces[:, order], (0, 0, 60, 60))
    assert lengths[30, 30] == pytest.approx(40, abs=0.2)


def test_a_box_cuts_the_same_lengths_out():
    points, faces = _ball(30.0, [40.0, 40.0, 0.0])
    whole = ray_lengths(points, faces, (0, 0, 90, 90))
    part = ray_lengths(points, faces, (25, 33, 61, 80))
    np.testing.assert_allclose(part, whole[33:80, 25:61], atol=1e-3)


def test_shared_edges_leave_no_pinholes_and_count_no_pixel_twice():
    # A cube whose corners and edges run exactly through pixel centres.
    corners = np.array([[x, y, z] for x in (4, 14) for y in (4, 14) for z in (0, 7)], np.float64)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))])
    lengths = ray_lengths(corners, faces, (0, 0, 20, 20))
    assert set(np.unique(lengths)) == {0.0, 7.0}
    assert np.count_nonzero(lengths) == 100


def test_boxes_are_clipped_to_the_image_or_empty():
    assert box_of(np.array([[-50.0, 5.0], [3.2, 8.7]]), (20, 20), margin=0) == (0, 5, 5, 10)
    assert box_of(np.array([[-50.0, 5.0], [-30.0, 8.0]]), (20, 20)) == (0, 0, 0, 0)


def _open_edges(faces: np.ndarray) -> int:
    """Edges that are not walked exactly once each way."""
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there = np.unique(edges, axis=0)
    walked = there @ [1 << 32, 1]
    return np.count_nonzero(~np.isin(there @ [1, 1 << 32], walked)) + len(edges) - len(there)


def test_every_bone_of_the_asset_is_closed_and_turned_outwards():
    skeleton = load_skeleton()
    assert len(skeleton.vertices) == 29
    for vertices, faces in zip(skeleton.vertices, skeleton.faces, strict=True):
        assert _open_edges(faces) == 0
        a, b, c = (vertices[faces[:, i]] for i in range(3))
        assert (a * np.cross(b, c)).sum() > 0


@pytest.mark.parametrize("loft", [loft_radius, loft_ulna])
def test_the_forearm_is_closed_and_long_enough_to_leave_an_image(loft):
    vertices, faces = loft()
    assert _open_edges(faces) == 0
    assert np.ptp(vertices[:, 1]) > 200
