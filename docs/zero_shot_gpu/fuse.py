"""Trains the part of the refiner that fuses what it says of carpals with the coarse masks, on a few CPU cores.

    PYTHONPATH=. python docs/zero_shot_gpu/fuse.py --out fused

Workers draw hands and let the coarse network and the refiner's trunk read them; what they say of each carpal is kept.
Then a small network learns from it what is right. Weights that already fuse are trained on. README.md beside this
file tells more.
"""

import argparse
import functools
import multiprocessing as mp
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from fusing import FusionTrainee, varied
from torch import Tensor
from trainee import rate_factor, starting_point

from handbone.anatomy import CARPALS
from handbone.core.errors import HandboneError
from handbone.core.progress import console, track
from handbone.data.augment import Augmenter
from handbone.data.view import view
from handbone.formats.arrays import radiograph_from_array
from handbone.method.reading import read_coarse
from handbone.method.refine import with_coarse
from handbone.method.two_stage import TwoStage
from handbone.networks.architectures.bone_network import BoneNetwork
from handbone.networks.architectures.fusion import Fusion, places
from handbone.networks.runtime import cores
from handbone.runs.steps.calibration_images import DEGRADED
from handbone.synthetic import draw_hand
from handbone.training.inference import Predictor

_SHIPPED = Path(__file__).resolve().parents[2] / "handbone" / "weights" / "zero_shot"
# Sides in pixels of images as they are and as renderings in archives are, and the shares of small and degraded ones.
_SIDES, _SMALL_SIDES, _SMALL, _SPOILT = (700, 2048), (500, 1100), 0.55, 0.7
_BATCH = 4
# Batches that set the batch-norm statistics at the end.
_SETTLING = 80


class Windows(NamedTuple):
    """What both networks say of the carpals of hands, and the ground truth.

    seen: int8 (N, 8, 5, h, w), 127 times `Fusion.windows` of the radiograph in [0, 1]. truth: uint8 (N, 8, h, w).
    """

    seen: np.ndarray
    truth: np.ndarray


@functools.cache
def _networks(start: Path) -> tuple[TwoStage, Predictor]:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return TwoStage.from_path(start), Predictor(starting_point(start, "refiner")[0])


def look(number: int, *, start: Path, seed: int) -> Windows | None:
    """The carpals of one synthetic hand as both networks see them; None where no ROI can be placed."""
    method, trunk = _networks(start)
    rng = np.random.default_rng([seed, number])
    size = int(rng.integers(*(_SMALL_SIDES if rng.random() < _SMALL else _SIDES)))
    hand = draw_hand(rng, size=size, variety=("upright_adult", "diverse")[number % 2], bent=bool(rng.random() < 0.5))
    image = hand.image.astype(np.float32) / np.float32(np.iinfo(hand.image.dtype).max)
    if rng.random() < _SPOILT:
        image = Augmenter(DEGRADED)(image, {}, rng)[0]
    image = radiograph_from_array(image).image  # as `predict` reads it from a file
    masks = read_coarse(method.coarse_stage, method.settings, image).coarse.threshold(method.threshold)
    placed = method.rois[0].place(masks)
    if placed.fallback == "whole":
        return None
    frame, grid = placed.frame, view(image, placed.frame)
    contours = {bone: [frame.to_grid(each) for each in several] for bone, several in masks.polygons().items()}
    coarse = torch.from_numpy(with_coarse(grid, contours, frame.scale)[None, 1:])
    logits = torch.from_numpy(trunk.logits(grid[None])[None])
    seen = Fusion.windows(torch.from_numpy(grid[None, None]), logits, coarse)
    truth = np.stack([frame.warp(plane.astype(np.float32)) for plane in hand.masks.dense()[list(CARPALS)]])
    inside = [plane[place] for plane, place in zip(truth, places(logits).values(), strict=True)]
    return Windows(
        np.rint(127 * seen.numpy()).astype(np.int8)[None], np.rint(255 * np.stack(inside)).astype(np.uint8)[None]
    )


def drawn(hands: int, workers: int, *, start: Path, seed: int) -> Windows:
    """The windows of so many hands, less those without an ROI."""
    kept, count = None, 0
    with mp.get_context("spawn").Pool(workers) as pool:
        one = functools.partial(look, start=start, seed=seed)
        for found in track(pool.imap(one, range(hands)), "Reading hands", total=hands):
            if found is None:
                continue
            # Room for all of them from the start: a list of windows would be copied, and take twice the memory.
            kept = kept or Windows(*(np.empty((hands, *values.shape[1:]), values.dtype) for values in found))
            for room, values in zip(kept, found, strict=True):
                room[count] = values[0]
            count += 1
    if kept is None:
        raise HandboneError("no hand was found in any image", where=start, remedy="start from trained weights")
    return Windows(*(room[:count] for room in kept))


def batches(
    windows: Windows, trunk: BoneNetwork, rng: np.random.Generator, count: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """What a `FusionTrainee` learns from, for ever: windows (8 n, 5, h, w) and the ground truth (8 n, 1, h, w)."""
    while True:
        chosen = rng.integers(0, len(windows.truth), count)
        # Those of a carpal lie together.
        seen, truth = (
            torch.from_numpy(values[chosen].swapaxes(0, 1).reshape(-1, *values.shape[2:])).float() for values in windows
        )
        yield varied(seen / 127, trunk, rng), truth[:, None] / 255


def learn(trainee: FusionTrainee, source: Iterator[tuple[Tensor, Tensor]], seconds: float) -> None:
    """Train for so many seconds, the rate falling to nothing, and settle."""
    began = time.perf_counter()
    while (share := (time.perf_counter() - began) / seconds) < 1 or not trainee.steps:
        trainee.step(*next(source), rate_factor(share))
        if trainee.steps % 100 == 0:
            loss = trainee.recent_loss()
            console.print(f"step {trainee.steps}, loss {loss:.3f}, {share:.0%} of the time", highlight=False)
    trainee.settle(next(source)[0] for _ in range(_SETTLING))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(prog="fuse.py", description="Train what fuses the refiner and the coarse masks.")
    parser.add_argument("--out", type=Path, required=True, help="folder for refiner.safetensors")
    parser.add_argument("--start", type=Path, default=_SHIPPED, help="folder of the weights whose networks are read")
    parser.add_argument("--hands", type=int, default=1300, help="hands to draw, 3 MB each (default: 1300)")
    parser.add_argument("--seconds", type=float, default=1300, help="how long to train (default: 1300)")
    parser.add_argument("--workers", type=int, default=cores(), help="processes that draw and read hands")
    parser.add_argument("--seed", type=int, default=7, help="of everything random")
    given = parser.parse_args(arguments)
    torch.manual_seed(given.seed)
    trainee = FusionTrainee(given.start, device=torch.device("cpu"))
    windows = drawn(given.hands, given.workers, start=given.start, seed=given.seed)
    source = batches(windows, trainee.trunk, np.random.default_rng(given.seed), _BATCH)
    learn(trainee, source, given.seconds)
    training = {"program": "docs/zero_shot_gpu/fuse.py", "hands": len(windows.truth), "steps": trainee.steps}
    path = trainee.save(given.out, training)
    console.print(
        f"{path}: {trainee.steps} steps on {len(windows.truth)} hands", markup=False, highlight=False, soft_wrap=True
    )


if __name__ == "__main__":
    try:
        main()
    except HandboneError as error:
        sys.exit(f"Error: {error}")
