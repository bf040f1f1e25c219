"""Ray lengths of closed meshes against rays that are cut triangle by triangle, and against volumes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from handbone.synthetic.forearm import loft_radius, loft_ulna, sphere_faces
from handbone.synthetic.render import box_of, ray_lengths
from handbone.synthetic.skeleton import load_skeleton

BOX = (0, 0, 60, 50)


def hull(seed, count=24, centre=(30.0, 25.0, 5.0), spread=9.0):
    """Points and outward faces of a convex body."""
    points = np.random.default_rng(seed).normal(0, spread, (count, 3)) + centre
    body = ConvexHull(points)
    faces = body.simplices.copy()
    for number, (face, plane) in enumerate(zip(faces, body.equations, strict=True)):
        a, b, c = points[face]
        if np.cross(b - a, c - a) @ plane[:3] < 0:
            faces[number] = face[::-1]
    return points, faces, body


def brute_force(points, body, box):
    """Length of each pixel's ray inside a convex body: between the planes that let it in and those that let it out."""
    left, top, right, bottom = box
    x, y = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    normal, offset = body.equations[:, :3], body.equations[:, 3]
    rest = normal[:, :1, None] * x[None] + normal[:, 1:2, None] * y[None] + offset[:, None, None]
    enter, leave = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    outside = np.zeros(x.shape, bool)
    for slope, value in zip(normal[:, 2], rest, strict=True):
        if abs(slope) < 1e-12:
            outside |= value > 0
        elif slope < 0:
            enter = np.maximum(enter, -value / slope)
        else:
            leave = np.minimum(leave, -value / slope)
    return np.where(outside, 0, np.maximum(leave - enter, 0))


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_lengths_in_a_convex_body_are_those_between_its_planes(seed):
    points, faces, body = hull(seed)
    np.testing.assert_allclose(ray_lengths(points, faces, BOX), brute_force(points, body, BOX), atol=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_lengths_add_up_to_the_volume(seed):
    points, faces, body = hull(seed, count=80)
    points += np.array([40.0, 40.0, 0.0])
    box = box_of(points, (200, 200), margin=1)
    assert ray_lengths(points, faces, box).sum() == pytest.approx(body.volume, rel=0.02)


@pytest.mark.parametrize("seed", [1, 5])
def test_two_bodies_in_one_mesh_have_the_sum_of_their_lengths(seed):
    (near, near_faces, _), (far, far_faces, _) = hull(seed), hull(seed + 50, centre=(34.0, 22.0, 90.0))
    both = ray_lengths(np.vstack([near, far]), np.vstack([near_faces, far_faces + len(near)]), BOX)
    np.testing.assert_allclose(both, ray_lengths(near, near_faces, BOX) + ray_lengths(far, far_faces, BOX), atol=2e-3)


@pytest.mark.parametrize("by", [-40.0, 3.0, 1000.0])
def test_depth_has_no_say_and_the_mirror_image_has_mirrored_lengths(by):
    points, faces, _ = hull(8)
    plain = ray_lengths(points, faces, BOX)
    np.testing.assert_allclose(ray_lengths(points + np.array([0, 0, by]), faces, BOX), plain, atol=2e-3)
    np.testing.assert_allclose(ray_lengths(points, faces[:, ::-1], BOX), plain, atol=2e-3)
    mirrored = points * [-1, 1, 1] + [59, 0, 0]
    np.testing.assert_allclose(ray_lengths(mirrored, faces[:, ::-1], BOX), plain[:, ::-1], atol=2e-3)


def test_twice_as_deep_is_twice_as_long():
    points, faces, _ = hull(9)
    np.testing.assert_allclose(
        ray_lengths(points * [1, 1, 2], faces, BOX), 2 * ray_lengths(points, faces, BOX), atol=4e-3
    )


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (10, 10, 10, 30), (200, 200, 220, 230)])
def test_a_box_beside_the_body_holds_nothing(box):
    points, faces, _ = hull(2)
    lengths = ray_lengths(points, faces, box)
    assert lengths.shape == (box[3] - box[1], box[2] - box[0]) and not lengths.any()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(-30, 80), st.floats(-30, 80)), min_size=1, max_size=6), st.integers(0, 4))
def test_the_box_of_points_holds_every_pixel_near_one(points, margin):
    places = np.array(points)
    left, top, right, bottom = box_of(places, (50, 60), margin=margin)
    assert 0 <= left <= right <= 60 and 0 <= top <= bottom <= 50
    for x, y in np.rint(places).astype(int):
        if 0 <= x < 60 and 0 <= y < 50:
            assert left <= x < right and top <= y < bottom


@pytest.mark.parametrize(("rings", "columns"), [(1, 3), (4, 9), (11, 72)])
def test_faces_of_a_sphere_close_it(rings, columns):
    faces = sphere_faces(rings, columns)
    edges = np.sort(np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    found, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all() and faces.max() == rings * columns + 1
    # Euler: points less edges plus faces.
    assert rings * columns + 2 - len(found) + len(faces) == 2


@pytest.mark.parametrize(("loft", "half"), [(loft_radius, 15.3), (loft_ulna, 8.7)])
def test_forearms_are_as_wide_at_their_ends_as_in_textbooks_and_slimmer_in_the_shaft(loft, half):
    vertices, _ = loft()
    top = vertices[:, 1].min()
    end, shaft = (vertices[(vertices[:, 1] > top + a) & (vertices[:, 1] < top + b)] for a, b in ((4, 16), (60, 90)))
    assert np.ptp(end[:, 0]) == pytest.approx(2 * half, rel=0.08)
    assert np.ptp(shaft[:, 0]) < 0.75 * np.ptp(end[:, 0])


def test_the_radius_slants_to_its_styloid_on_the_thumbs_side():
    vertices, _ = loft_radius()
    rim = vertices[vertices[:, 1] < vertices[:, 1].min() + 14]
    thumb, ulnar = rim[rim[:, 0] < rim[:, 0].mean() - 8], rim[rim[:, 0] > rim[:, 0].mean() + 8]
    assert thumb[:, 1].min() < ulnar[:, 1].min() - 4, "y points to the elbow, x away from the thumb"


def test_depths_of_the_skeleton_are_rays_through_its_bones():
    skeleton = load_skeleton()
    for depth, vertices in zip(skeleton.depth, skeleton.vertices, strict=True):
        assert depth.shape == (len(vertices),) and depth.min() >= 0
        assert depth.max() <= np.linalg.norm(np.ptp(vertices, axis=0)) + 0.5
