"""Speed of drawing hands, as images a second on one core, and of their bones and soft tissue beside the plain way.

`pytest tests/benchmarks --benchmark-only --benchmark-group-by=group` shows them. Ratios carry over to other machines,
times do not.
"""

import itertools

import numpy as np
import pytest

from handbone.synthetic import draw_hand
from handbone.synthetic.body import Pose, pose_body
from handbone.synthetic.patients import average_patient
from handbone.synthetic.render import box_of, ray_lengths
from handbone.synthetic.skeleton import bone_edges, load_skeleton
from handbone.synthetic.tissue import skin_parts, soft_tissue

SIDE, PX_PER_MM = 512, 2.0
BONE, BONE_PX_PER_MM = 10, 3.4  # a third metacarpal in an image of 1024


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
@pytest.mark.parametrize("size", [512, 1024])
def test_draw(benchmark, variety, size):
    benchmark.group = f"one hand at {size}"
    seeds = itertools.count()
    benchmark(lambda: draw_hand(next(seeds), size=size, variety=variety))


@pytest.fixture(scope="module")
def mesh():
    """Points, faces, edges and box of a bone."""
    points = pose_body(average_patient().shape, Pose()).vertices[BONE] * [BONE_PX_PER_MM, BONE_PX_PER_MM, 1.0]
    points = points - points.min(0) + 3
    return points, load_skeleton().faces[BONE], bone_edges(BONE), box_of(points, (SIDE, SIDE))


def test_rays_through_a_bone(benchmark, mesh):
    benchmark.group = "rays through a metacarpal at 1024"
    points, faces, edges, box = mesh
    benchmark(ray_lengths, points, faces, box, edges)


def test_rays_through_a_bone_plainly(benchmark, mesh):
    benchmark.group = "rays through a metacarpal at 1024"
    points, faces, _, (left, top, right, bottom) = mesh

    def plain():
        lengths = np.zeros((bottom - top, right - left))
        for a, b, c in points[faces]:
            low, high = np.ceil([a, b, c]).min(0).astype(int), np.ceil([a, b, c]).max(0).astype(int)
            area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            if (low[:2] == high[:2]).any() or area == 0:
                continue
            y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
            v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
            w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
            inside = (v >= 0) & (w >= 0) & (v + w <= 1)
            depth = a[2] + v * (b[2] - a[2]) + w * (c[2] - a[2])
            lengths[low[1] - top : high[1] - top, low[0] - left : high[0] - left] += np.sign(area) * inside * depth
        return np.abs(lengths)

    np.testing.assert_allclose(plain(), ray_lengths(*mesh[:2], mesh[3]), atol=0.01)
    benchmark(plain)


@pytest.fixture(scope="module")
def parts():
    body = pose_body(average_patient().shape, Pose())
    capsules, digits = skin_parts(body, 1.0, 1.0)
    capsules[:, [0, 1, 3, 4]] += 128 - capsules[:, [0, 1, 3, 4]].mean()
    return capsules, digits


def test_soft_tissue(benchmark, parts):
    benchmark.group = "skin at 512"
    benchmark(soft_tissue, *parts, (SIDE, SIDE), PX_PER_MM)


def test_soft_tissue_plainly(benchmark, parts):
    benchmark.group = "skin at 512"
    y, x = np.mgrid[:SIDE, :SIDE] / PX_PER_MM

    def plain():
        nearest = np.full((SIDE, SIDE), 1e9)
        for ax, ay, ra, bx, by, rb, _ in parts[0]:
            square = max((bx - ax) ** 2 + (by - ay) ** 2, 1e-9)
            t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square, 0, 1)
            nearest = np.minimum(nearest, np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) - ra - t * (rb - ra))
        return nearest

    benchmark(plain)
