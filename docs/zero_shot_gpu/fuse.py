"""Trains the part of the refiner that fuses what it says of carpals with the coarse masks, on a few CPU cores.

    PYTHONPATH=. python docs/zero_shot_gpu/fuse.py --out fused

Workers draw hands and let the coarse network and the refiner's trunk read them; what they say of each carpal is kept.
Then a small network learns from it what is right. Weights that already fuse are trained on. README.md beside this
file tells more.
"""

import argparse
import copy
import functools
import math
import multiprocessing as mp
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import swa_utils
from trainee import starting_point

from handbone.anatomy import CARPALS
from handbone.core.errors import HandboneError
from handbone.core.progress import console, track
from handbone.data.augment import Augmenter
from handbone.data.view import view
from handbone.method.reading import read_coarse
from handbone.method.refine import with_coarse
from handbone.method.two_stage import TwoStage
from handbone.networks.architectures.fusion import LOGIT_SCALE, Fusion, FusionNetwork, places
from handbone.networks.runtime import cores
from handbone.runs.steps.calibration_images import DEGRADED
from handbone.synthetic import draw_hand
from handbone.training.inference import Predictor
from handbone.weights import STAGE_FILES
from handbone.weights.network_file import load_weights, save_weights

_SHIPPED = Path(__file__).resolve().parents[2] / "handbone" / "weights" / "zero_shot"
# Sides in pixels of images as they are and as renderings in archives are, and the shares of small and degraded ones.
_SIDES, _SMALL_SIDES, _SMALL, _SPOILT = (700, 2048), (500, 1100), 0.55, 0.7
# `refine` takes masks of any network: so often a coarse mask lies elsewhere, by up to so many pixels.
_MOVED, _FARTHEST = 0.15, 6
_BATCH, _DECAY, _CLIP = 4, 0.998, 1.0
# The highest learning rate of a new network, and of one that has been trained.
_RATE, _GENTLE_RATE = 3e-3, 2e-3
# Batches that set the batch-norm statistics at the end.
_SETTLING = 80
# Windows that are surely of the bone have this share of the range; beyond, the logit is not told from the bounded one.
_SUREST = 0.996


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
    with mp.get_context("spawn").Pool(workers) as pool:
        one = functools.partial(look, start=start, seed=seed)
        found = [each for each in track(pool.imap(one, range(hands)), "Reading hands", total=hands) if each is not None]
    if not found:
        raise HandboneError("no hand was found in any image", where=start, remedy="start from trained weights")
    return Windows(np.concatenate([each.seen for each in found]), np.concatenate([each.truth for each in found]))


def batches(
    windows: Windows, normalise: Callable[[Tensor], Tensor], rng: np.random.Generator, count: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Windows (8 n, 5, h, w), the trunk's logits in them (8 n, h, w) and the ground truth in [0, 1], for ever."""
    while True:
        chosen = rng.integers(0, len(windows.truth), count)
        # Those of a carpal lie together.
        seen = torch.from_numpy(windows.seen[chosen].swapaxes(0, 1).reshape(-1, *windows.seen.shape[2:])).float() / 127
        truth = (
            torch.from_numpy(windows.truth[chosen].swapaxes(0, 1).reshape(-1, *windows.truth.shape[2:])).float() / 255
        )
        own = LOGIT_SCALE * torch.atanh(seen[:, 1].clamp(-_SUREST, _SUREST))
        seen[:, 0] = normalise(seen[:, :1])[:, 0] * math.exp(rng.normal(0, 0.15)) + rng.normal(0, 0.2)
        for window in seen:
            if rng.random() < _MOVED:
                window[3:] = torch.roll(window[3:], rng.integers(-_FARTHEST, _FARTHEST + 1, 2).tolist(), (1, 2))
        yield seen, own, truth


def learn(
    windows: Windows,
    normalise: Callable[[Tensor], Tensor],
    *,
    seconds: float,
    seed: int,
    trained: Fusion | None = None,
) -> tuple[Fusion, int]:
    """The averaged network after so many seconds, the rate falling to nothing, and how many steps it made.

    trained: what it starts from; a new network where none is given.
    """
    torch.manual_seed(seed)
    network, highest = (Fusion(), _RATE) if trained is None else (trained.train(), _GENTLE_RATE)
    rng = np.random.default_rng(seed)
    averaged = swa_utils.AveragedModel(network, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(_DECAY))
    optimiser = torch.optim.AdamW(network.parameters(), lr=highest, weight_decay=1e-2)
    source, began, steps = batches(windows, normalise, rng, _BATCH), time.perf_counter(), 0
    while (share := (time.perf_counter() - began) / seconds) < 1 or not steps:
        for group in optimiser.param_groups:
            group["lr"] = highest * min(1, (steps + 1) / 60) * 0.5 * (1 + math.cos(math.pi * min(share, 1)))
        seen, own, truth = next(source)
        with torch.autocast("cpu", torch.bfloat16):
            changes = network.changes(seen)[:, 0]
        logits = own + changes.float()
        likely = logits.sigmoid()
        overlap = (2 * (likely * truth).sum((1, 2)) + 1) / ((likely + truth).sum((1, 2)) + 1)
        loss = 2 * nn.functional.binary_cross_entropy_with_logits(logits, truth) + (1 - overlap).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimiser.step()
        averaged.update_parameters(network)
        steps += 1
        if steps % 100 == 0:
            console.print(f"step {steps}, loss {float(loss.detach()):.3f}, {share:.0%} of the time", highlight=False)
    fusion = copy.deepcopy(averaged.module)
    # The statistics of the training belong to other weights than the averaged ones.
    swa_utils.update_bn((next(source)[0] for _ in range(_SETTLING)), _Changes(fusion))
    return fusion.eval(), steps


class _Changes(nn.Module):
    """A network's changes as what it gives."""

    def __init__(self, fusion: Fusion):
        super().__init__()
        self.fusion = fusion

    def forward(self, seen: Tensor) -> Tensor:
        return self.fusion.changes(seen)


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
    trunk, card = starting_point(given.start, "refiner")
    windows = drawn(given.hands, given.workers, start=given.start, seed=given.seed)
    known = load_weights(given.start / STAGE_FILES["refiner"])[0]
    known = known.fusion if isinstance(known, FusionNetwork) else None
    fusion, steps = learn(windows, trunk.normalised, seconds=given.seconds, seed=given.seed, trained=known)
    network = FusionNetwork(trunk)
    network.fusion.load_state_dict(fusion.state_dict())
    trained = {"program": "docs/zero_shot_gpu/fuse.py", "hands": len(windows.truth), "steps": steps}
    model = card.model.model_copy(update={"name": "unetplusplus_fusion"})
    card = card.model_copy(update={"model": model, "in_channels": network.in_channels, "training": trained})
    given.out.mkdir(parents=True, exist_ok=True)
    path = save_weights(given.out / STAGE_FILES["refiner"], network, card, half=True)
    console.print(f"{path}: {steps} steps on {len(windows.truth)} hands", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        main()
    except HandboneError as error:
        sys.exit(f"Error: {error}")
