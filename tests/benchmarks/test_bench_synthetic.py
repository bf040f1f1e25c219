"""Speed of drawing hands, as images a second on one core, and of their soft tissue beside the plain way.

`pytest tests/benchmarks --benchmark-only --benchmark-group-by=group` shows them. Ratios carry over to other machines,
times do not.
"""

import itertools

import numpy as np
import pytest

from handbone.synthetic import draw_hand
from handbone.synthetic.body import Pose, pose_body
from handbone.synthetic.patients import average_patient
from handbone.synthetic.tissue import skin_parts, soft_tissue

SIDE, PX_PER_MM = 512, 2.0


@pytest.mark.parametrize("variety", ["upright_adult", "diverse"])
@pytest.mark.parametrize("size", [512, 1024])
def test_draw(benchmark, variety, size):
    benchmark.group = f"one hand at {size}"
    seeds = itertools.count()
    benchmark(lambda: draw_hand(next(seeds), size=size, variety=variety))


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
