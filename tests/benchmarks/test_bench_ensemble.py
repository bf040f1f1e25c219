"""Five files of 29 masks of 2048 x 2048 joined for one image, beside decoding to full arrays with numpy."""

import numpy as np
import pytest
from test_bench_masks import IMAGE, masks, polygons  # noqa: F401

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.method.ensembling.methods import vote
from handbone.method.ensembling.rle_vote import vote_runs


@pytest.fixture(scope="module")
def texts(masks):  # noqa: F811
    return [[masks.to_rle()[(bone + shift) % COUNT] for bone in range(COUNT)] for shift in range(5)]


def test_vote_of_five(benchmark, texts):
    benchmark.group = "five files, one image"

    benchmark(lambda: [vote_runs(of_bone, [1] * 5, 0.5, IMAGE) for of_bone in zip(*texts, strict=True)])


def test_vote_of_five_on_pixels(benchmark, texts):
    benchmark.group = "five files, one image"

    def join():
        members = {str(i): BoneProbabilities.from_masks(BoneMasks.from_rle(t, IMAGE)) for i, t in enumerate(texts)}
        return vote(members).threshold().to_rle()

    benchmark(join)


def test_vote_of_five_plainly(benchmark, texts):
    benchmark.group = "five files, one image"

    def decode(text):
        flat = np.zeros(IMAGE[0] * IMAGE[1], np.uint8)
        for start, length in np.array(text.split(), int).reshape(-1, 2):
            flat[start - 1 : start - 1 + length] = 1
        return flat

    def encode(flat):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [0]]))) + 1
        edges[1::2] -= edges[::2]
        return " ".join(map(str, edges))

    def plain():
        return [encode(sum(decode(each[bone]) for each in texts) >= 3) for bone in range(COUNT)]

    benchmark.pedantic(plain, rounds=3)
