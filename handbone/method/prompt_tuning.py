"""Fine-tuning of a prompter's mask decoder on ROIs whose embeddings were computed once.

Not through the engine of `handbone.training`, which trains networks from images to 29 planes: here the image's part
is frozen and on disk, and what is learned is one small answer for each prompt.
"""

import csv
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from handbone.anatomy import select
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file
from handbone.core.progress import console, progress_bar
from handbone.method.perturb import perturb
from handbone.method.prompt import current_masks, rank
from handbone.method.prompt_embeddings import EmbeddedRoi
from handbone.method.prompt_inputs import ask
from handbone.networks.losses.build import build_loss
from handbone.plugins import Prompter
from handbone.recipe import schema
from handbone.training.callbacks import HISTORY_COLUMNS

_LOSS = (schema.LossTerm(name="dice"), schema.LossTerm(name="bce"))


class _Asked(NamedTuple):
    """The bones asked for, logits (bones, candidates, h, w), predicted IoU (bones, candidates), what prompted them."""

    bones: tuple[int, ...]
    logits: Tensor
    iou: Tensor
    seen: BoneProbabilities


@dataclass
class _Progress:
    """What an interrupted tuning goes on from, beside the decoder and its optimiser."""

    epoch: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


class Tuning:
    """Trains the decoder of a prompter, its encoders frozen, to repair masks that are as wrong as coarse ones.

    Parameters
    ----------
    prompter: its decoder changes in place.
    settings: the prompts and, under `tune`, the training.
    seed: of the masks that make the prompts, and of the ROIs' order.
    """

    def __init__(self, prompter: Prompter, settings: schema.Prompt, seed: int):
        self.prompter, self.settings, self.seed = prompter, settings, seed
        self.tune = settings.tune or schema.Tune()
        self.bones = select(settings.bones)
        self.parameters = list(prompter.decoder.requires_grad_(True).parameters())
        self.optimiser = torch.optim.AdamW(self.parameters, lr=self.tune.lr, weight_decay=self.tune.weight_decay)
        self.loss = build_loss(_LOSS)

    def run(
        self,
        train: Sequence[EmbeddedRoi],
        validation: Sequence[EmbeddedRoi],
        folder: Path,
        save: Callable[[Path, dict[str, Any]], Any],
    ) -> dict[str, Any]:
        """Tune, or go on after the last whole epoch; the decoder as it came is kept where no epoch does better.

        Leaves weights.safetensors and history.csv, with the columns of every training, in `folder`.

        Parameters
        ----------
        save: writes the decoder to a path, with a summary of the training.

        Returns
        -------
        The summary: epoch (0: as it came), val_dice, val_dice_before, and val_dice_masks of the perturbed masks.
        """
        progress = self._resume(folder / "last.ckpt")
        if not progress.best:
            score, masks = self.validate(validation)
            facts = {"val_dice_before": round(score, 6), "val_dice_masks": round(masks, 6)}
            progress.best = {"seed": self.seed, "epoch": 0, "val_dice": round(score, 6), **facts}
            save(folder / "weights.safetensors", progress.best)
        with progress_bar() as bar:
            total = self.tune.epochs * len(train)
            task = bar.add_task("Mask decoder", total=total, completed=progress.epoch * len(train), note="")
            for epoch in range(progress.epoch, self.tune.epochs):
                start = time.monotonic()
                loss = self._epoch(train, epoch, lambda done: bar.advance(task, done))
                score, _ = self.validate(validation)
                bar.update(task, note=f"loss {loss:.3f} Dice {score:.3f}")
                if score > progress.best["val_dice"]:
                    progress.best |= {"epoch": epoch + 1, "val_dice": round(score, 6)}
                    save(folder / "weights.safetensors", progress.best)
                rate = self.optimiser.param_groups[0]["lr"]
                row = (epoch + 1, loss, score, rate, time.monotonic() - start, self.prompter.size)
                progress.rows.append(dict(zip(HISTORY_COLUMNS, (float(f"{value:.5g}") for value in row), strict=True)))
                progress.epoch = epoch + 1
                self._keep(folder, progress)
        best = progress.best
        console.print(
            f"Dice on validation ROIs: {best['val_dice_masks']:.3f} for the prompting masks, "
            f"{best['val_dice_before']:.3f} before tuning, {best['val_dice']:.3f} after epoch {best['epoch']}",
            highlight=False,
            soft_wrap=True,
        )
        return best

    def _epoch(self, rois: Sequence[EmbeddedRoi], epoch: int, advance: Callable[[int], None]) -> float:
        order, batch = np.random.default_rng((self.seed, epoch)).permutation(len(rois)).tolist(), self.tune.batch_size
        steps, total = -(-len(order) // batch), 0.0
        for step in range(steps):
            done = (epoch * steps + step) / (self.tune.epochs * steps)
            for group in self.optimiser.param_groups:
                group["lr"] = self.tune.lr * (1 + math.cos(math.pi * done)) / 2
            chosen = order[step * batch : (step + 1) * batch]
            self.optimiser.zero_grad()
            for index in chosen:
                loss = self.roi_loss(rois[index], (self.seed, epoch, index))
                if loss is not None:
                    (loss / len(chosen)).backward()
                    total += float(loss.detach())
            if self.tune.gradient_clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.parameters, self.tune.gradient_clip_norm)
            self.optimiser.step()
            advance(len(chosen))
        if not math.isfinite(total):
            raise HandboneError(f"the loss is not finite in epoch {epoch + 1}", remedy="lower prompt.tune.lr")
        return total / len(rois)

    def roi_loss(self, roi: EmbeddedRoi, seed: tuple[int, ...]) -> Tensor | None:
        """The loss of an ROI's bones, prompted by perturbed masks; None where it shows none of them.

        All candidates learn: a prompt here means one bone, so none has another meaning to stand for. What each is
        worth is learned by the squared error of its predicted IoU, as segment-anything itself was trained.
        """
        if (answer := self._ask(roi, seed)) is None:
            return None
        asked, logits, iou, _ = answer
        ground_truth = _coverage(roi.ground_truth, asked).to(logits.device)[:, None].expand_as(logits)
        # Each bone and candidate is judged on its own, as a channel of one image.
        loss = self.loss(logits.flatten(0, 1)[None], ground_truth.flatten(0, 1)[None])
        inside, true = logits.detach() > 0, ground_truth > 0.5
        real = (inside & true).sum((2, 3)) / (inside | true).sum((2, 3)).clamp(min=1)
        return loss + functional.mse_loss(iou, real)

    @torch.no_grad()
    def validate(self, rois: Sequence[EmbeddedRoi]) -> tuple[float, float]:
        """Mean Dice of the answers that would be taken, and of the masks that prompted them, over ROIs and bones."""
        taken, before = [], []
        for index, roi in enumerate(rois):
            if (answer := self._ask(roi, (self.seed, 2**31, index))) is None:
                continue
            asked, logits, iou, seen = answer
            masks, ground_truth = current_masks(seen, asked, 0.5), _coverage(roi.ground_truth, asked) > 0.5
            chosen, _ = rank(logits.cpu(), iou.cpu(), masks, self.settings.iou_weight)
            taken.append(_dice(logits.cpu()[torch.arange(len(asked)), chosen] > 0, ground_truth))
            before.append(_dice(masks, ground_truth))
        if not taken:
            raise HandboneError("no validation ROI shows any bone of prompt.bones", remedy="choose other bones")
        return float(torch.cat(taken).mean()), float(torch.cat(before).mean())

    def _ask(self, roi: EmbeddedRoi, seed: tuple[int, ...]) -> _Asked | None:
        seen = perturb(roi.ground_truth, np.random.default_rng(seed), self.tune.jitter)
        shown = roi.ground_truth.threshold(0.5).present()
        bones = [bone for bone in self.bones if shown[bone]]
        asked, prompts = ask(seen, bones, self.prompter.size, self.settings, points=self.prompter.points)
        if not asked:
            return None
        embedding = torch.from_numpy(np.load(roi.embedding).astype(np.float32))
        return _Asked(asked, *self.prompter.candidates(embedding, prompts), seen)

    def _resume(self, path: Path) -> _Progress:
        if not path.is_file():
            return _Progress()
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds; none of them means anything else
            what = f"{path.name} is damaged ({type(error).__name__}): tuning begins anew"
            console.print(what, markup=False, highlight=False)
            return _Progress()
        self.prompter.decoder.load_state_dict(kept["decoder"])
        self.optimiser.load_state_dict(kept["optimiser"])
        console.print(f"Mask decoder: continuing after epoch {kept['epoch']}", highlight=False)
        return _Progress(kept["epoch"], kept["best"], kept["rows"])

    def _keep(self, folder: Path, progress: _Progress) -> None:
        state = {"decoder": self.prompter.decoder.state_dict(), "optimiser": self.optimiser.state_dict()}
        with atomic_file(folder / "last.ckpt") as temporary:
            torch.save(state | vars(progress), temporary)
        with (
            atomic_file(folder / "history.csv") as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, HISTORY_COLUMNS)
            writer.writeheader()
            writer.writerows(progress.rows)


def _coverage(ground_truth: BoneProbabilities, bones: Sequence[int]) -> Tensor:
    """(B, m, m) float32 in [0, 1]."""
    planes = np.zeros((len(bones), *ground_truth.size_hw), np.float32)
    for plane, bone in zip(planes, bones, strict=True):
        (left, top, right, bottom), crop = ground_truth.crop(bone)
        plane[top:bottom, left:right] = crop
    return torch.from_numpy(planes)


def _dice(masks: Tensor, ground_truth: Tensor) -> Tensor:
    """(B,) Dice of bool masks (B, m, m)."""
    return 2 * (masks & ground_truth).sum((1, 2)) / (masks.sum((1, 2)) + ground_truth.sum((1, 2))).clamp(min=1)
