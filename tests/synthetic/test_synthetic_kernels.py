"""Compiled loops beside the formulas that they stand for."""

import math

import numpy as np
import pytest

from handbone.synthetic import texture
from handbone.synthetic.display import _count
from handbone.synthetic.polynomials import cosine, exponential
from handbone.synthetic.render import edges_of
from handbone.synthetic.skeleton import bone_edges, load_skeleton
from handbone.synthetic.skin_kernels import CELL, on_pixels
from handbone.synthetic.vertex_kernels import grown, sum_of_waves, surfaces, walls

POINTS = np.random.default_rng(0).normal(0, 20, (200, 3))


@pytest.mark.parametrize("x", [-3.0, -1.7, -1e-9, 0.0, 0.4, 3.0])
def test_the_exponential_is_one(x):
    assert exponential(x) == pytest.approx(math.exp(x), rel=1e-9)


def test_the_cosine_is_one_over_many_turns_in_either_precision():
    for x in np.linspace(-60, 60, 400):
        assert cosine(x) == pytest.approx(math.cos(x), abs=5e-6)
        assert cosine(np.float32(x)) == pytest.approx(math.cos(np.float32(x)), abs=1e-5)


def test_waves_add_up():
    rng = np.random.default_rng(1)
    frequencies, amplitudes = rng.normal(0, 0.1, (2, 5, 3)).astype(np.float32)
    phases = rng.uniform(0, 6, 5).astype(np.float32)
    wanted = np.cos(POINTS @ frequencies.T + phases) @ amplitudes
    np.testing.assert_allclose(sum_of_waves(POINTS, frequencies, phases, amplitudes), wanted, atol=3e-6)


def test_a_bone_grows_in_width_length_waist_and_bow_and_turns_about_itself():
    share, narrow, scale = np.linspace(0, 1, 200), np.linspace(0.8, 1, 200), np.array([1.1, 0.9, 1.2])
    waves, reach, roll = np.array([0.1, -0.2, 0.05, 0.02]), 60.0, 0.3
    wave = np.cos(np.pi * share)
    widen = (1 + 0.1 * wave - 0.2 * np.cos(2 * np.pi * share)) * narrow
    x, y, z = (POINTS * scale).T
    x, z = x * widen + 0.05 * 60 * 4 * share * (1 - share), z * widen + 0.02 * 60 * 4 * share * (1 - share)
    cosine_of_roll, sine_of_roll = math.cos(roll), math.sin(roll)
    wanted = np.stack([cosine_of_roll * x + sine_of_roll * z, y, cosine_of_roll * z - sine_of_roll * x], 1)
    np.testing.assert_allclose(grown(POINTS, share, narrow, scale, waves, reach, roll), wanted, atol=1e-5)


def test_walls_are_thick_in_the_shaft_thin_at_its_ends_and_stray_as_the_pattern_and_a_wave_do():
    rng = np.random.default_rng(2)
    along, depth = np.linspace(0, 1, 200), rng.uniform(2, 12, 200)
    pattern, shift = rng.standard_normal((64, 64)).astype(np.float32), np.array([500.3, 400.8])
    wave, rough = np.array([0.2, -0.1, 0.3, 1.0, 0.7]), 0.1
    found = walls(along, depth, POINTS, np.array([0.12, 0.9, 0.26, 0.22, 0.4, 0.45]), pattern, shift, wave, rough)
    middle = np.clip(np.minimum(along - 0.12, 0.9 - along) / 0.26, 0, 1)
    middle = middle * middle * (3 - 2 * middle)
    even = np.minimum(0.45 + middle * np.maximum(0.22 * depth - 0.45, 0), 0.4 * depth)
    x, y = (2 * POINTS[:, :2] + shift).astype(int).T % 64
    uneven = even * np.exp(rough * (pattern[y, x] + 3 * np.sin(POINTS @ wave[:3] + 1.0) + 0.7))
    np.testing.assert_allclose(found, np.minimum(uneven, np.maximum(even, 0.25 * depth)), rtol=1e-5)


def test_the_cavity_lies_inwards_of_the_surface_by_the_wall():
    skeleton = load_skeleton()
    vertices, faces = skeleton.vertices[20], skeleton.faces[20]
    outer, inner = surfaces(vertices, faces, np.full(len(vertices), 0.5), 3.0)
    np.testing.assert_allclose(outer, vertices * [3, 3, 1])
    moved = inner / [3, 3, 1] - vertices
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 0.5, rtol=1e-6)
    assert ((vertices - vertices.mean(0)) * moved).sum(1).mean() < 0


def test_edges_are_walked_once_each_way():
    faces = load_skeleton().faces[0]
    edges = bone_edges(0)
    assert 2 * len(edges) == 3 * len(faces) and np.array_equal(edges, edges_of(faces))
    for way, column in ((slice(0, 2), 2), (slice(1, None, -1), 3)):
        start, end = edges[:, way].T
        walked = [np.roll(faces[edges[:, column]], -turn, axis=1)[:, :2] for turn in range(3)]
        assert np.any([(pair == np.stack([start, end], 1)).all(1) for pair in walked], axis=0).all()


def test_between_cells_distances_are_linear_and_lengths_those_of_an_ellipse():
    rng = np.random.default_rng(3)
    distance, half = rng.normal(-4, 6, (5, 7)).astype(np.float32), rng.uniform(5, 15, (5, 7)).astype(np.float32)
    skin, lengths = on_pixels(distance, half, 19, 30)
    rows, columns = np.arange(19) / CELL + 1, np.arange(30) / CELL + 1

    def at_pixels(grid):
        upright = np.stack([np.interp(rows, np.arange(5), column) for column in grid.T], 1)
        return np.stack([np.interp(columns, np.arange(7), row) for row in upright])

    np.testing.assert_allclose(skin, at_pixels(distance), atol=1e-5)
    deep = at_pixels(half)
    u = np.clip(-at_pixels(distance) / deep, 0, 1)
    np.testing.assert_allclose(lengths, 2 * deep * np.sqrt(u * (2 - u)), atol=2e-2)


def test_noise_of_light_grows_with_its_root_and_leaves_some():
    rng = np.random.default_rng(4)
    light, noise = (part.astype(np.float32) for part in (rng.uniform(0, 1, (9, 8)), rng.normal(0, 2, (9, 8))))
    wanted = np.maximum(light + 0.5 * noise * np.sqrt(light), 1e-4)
    _count(light, noise, np.float32(0.5))
    np.testing.assert_allclose(light, wanted, rtol=1e-5)


def test_patterns_of_all_scales_are_made_from_one_that_is_kept():
    texture.trabecular_pattern(3)
    made = texture._finest_pattern.cache_info().misses
    for level in range(5):
        texture.trabecular_pattern(3, level=level)
    assert texture._finest_pattern.cache_info().misses == made
