"""The real command line with small weights that see bones, for what happens around the networks."""

import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from weights_small import MODEL

from handbone import cli
from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.formats.contest_csv import PredictionsWriter
from handbone.weights.network_file import WeightsCard, build_network, save_weights

_BONES = range(0, 29, 3)


def save_seeing(path: Path, *, bias: float = 0.3, bones: int = len(NAMES)) -> Path:
    """A coarse network, untrained, that sees bone in about half of all pixels; with a bias below zero in none.

    bones: only as many, the first ones, are seen.
    """
    torch.manual_seed(3)
    network = build_network(MODEL, 1)
    for values in network.parameters():
        if values.shape == (len(NAMES),):
            torch.nn.init.constant_(values[:bones], bias)
            torch.nn.init.constant_(values[bones:], -9)
    return save_weights(path, network, WeightsCard(model=MODEL, in_channels=1, size=64, stage="coarse"))


def draw_image(path: Path, seed: int = 0, size_hw: tuple[int, int] = (150, 110)) -> Path:
    """Smooth noise as a file of the kind that its extension says; without one a PNG."""
    grey = cv2.GaussianBlur(np.random.default_rng(seed).random(size_hw, np.float32), (0, 0), 9)
    grey = (200 * cv2.normalize(grey, None, 0, 1, cv2.NORM_MINMAX)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix if len(path.suffix) == 4 else ".png", grey)[1].tobytes())
    return path


def write_table(path: Path, names: list[str], seed: int = 0, size: int = 90, bones: Iterable[int] = _BONES) -> Path:
    """A contest CSV with ellipses as some bones."""
    with PredictionsWriter(path) as table:
        for number, name in enumerate(names):
            random, polygons = np.random.default_rng(seed + 100 * number), {}
            for bone in bones:
                centre, axes = random.uniform(0.3, 0.7, 2) * size, random.uniform(0.05, 0.2, 2) * size
                polygons[bone] = [
                    cv2.ellipse2Poly(centre.astype(int).tolist(), axes.astype(int).tolist(), 30, 0, 360, 9)
                ]
            table.write(name, BoneMasks.from_polygons(polygons, (size, size)))
    return path


def main(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """The exit code of the command line in this process, with everything around the commands."""
    monkeypatch.setattr(sys, "argv", ["handbone", *map(str, words)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
