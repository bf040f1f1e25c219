"""The skin's contour and the flesh inside it, as numba computes them, beside the formulas written out."""

import numpy as np
import pytest

from handbone.synthetic.body import Pose, pose_body
from handbone.synthetic.patients import average_patient
from handbone.synthetic.skin_kernels import distances
from handbone.synthetic.tissue import skin_parts


@pytest.mark.parametrize("corner", [(-40.0, -160.0), (300.0, 300.0)], ids=["over the hand", "far from it"])
def test_distances_to_the_skin_are_those_of_the_formulas(corner):
    parts, digits = skin_parts(pose_body(average_patient().shape, Pose()), 1.45, 1.0, filled=True)
    distance, half = distances(parts, digits, *corner, 8.0, 40, 12, 7.0)
    x, y = (corner[axis] + 8.0 * np.arange(count) for axis, count in ((0, 12), (1, 40)))
    ax, ay, ra, bx, by, rb, deep = parts.T[:, :, None, None]
    x, y = x[None, None], y[None, :, None]
    square = (bx - ax) ** 2 + (by - ay) ** 2
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / np.maximum(square, 1e-9)
    t = np.where(square < 1e-9, 0, np.clip(along, 0, 1))
    d = np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) - ra - t * (rb - ra)
    palm = 3 - 4 * np.log(np.exp(-np.clip(d, -60, 60) / 4)[digits == 0].sum(0) + 1e-12)
    finger = d[digits > 0].min(0)
    h = np.clip(0.5 + 0.5 * (finger - palm) / 7, 0, 1)
    np.testing.assert_allclose(distance, finger * (1 - h) + palm * h - 7 * h * (1 - h), rtol=1e-5, atol=1e-4)
    share = np.exp(-np.clip(d, -30, 60) / 2.5)
    weight = 1e-12 + share.sum(0)
    wanted = np.where(weight > 1e-9, (share * deep).sum(0) / weight, 10)
    np.testing.assert_allclose(half, wanted, rtol=1e-5)
