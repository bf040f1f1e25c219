"""Fine-tuning of a prompter's mask decoder on ROIs whose embeddings were computed once, by the engine of all trainings.

What differs from a network's training is what is read: the image's part of the prompter is frozen and on disk, and what
is learned is one small answer for each prompt.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from handbone.anatomy import select
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.method.perturb import perturb
from handbone.method.prompt import current_masks, rank, save_prompter
from handbone.method.prompt_embeddings import EmbeddedRoi
from handbone.method.prompt_inputs import ask
from handbone.method.prompt_scores import AnswerSums, coverage, dice_of
from handbone.networks.losses.build import build_loss
from handbone.plugins import Prompter
from handbone.recipe import schema
from handbone.training.base import Training
from handbone.training.work import FitResult, Work, carry_out

_LOSS = (schema.LossTerm(name="dice"), schema.LossTerm(name="bce"))
# The epoch of prompts in validation, which are the same after every epoch.
_VALIDATION = 2**31


def tune(
    prompter: Prompter,
    settings: schema.Prompt,
    train: Sequence[EmbeddedRoi],
    validation: Sequence[EmbeddedRoi],
    *,
    folder: Path,
    seed: int,
    place: Mapping[str, Any] | None = None,
) -> FitResult:
    """Tune the decoder of a prompter, its encoders frozen, to repair masks that are as wrong as coarse ones.

    Goes on after the last whole epoch; see `handbone.training.work.carry_out`, also for what it leaves in `folder`. The
    decoder as it came is kept where no epoch does better: epoch 0. The card of its weights says, too, val_dice_before
    and val_dice_masks, the mean Dice of the untuned answers and of the masks that prompted them.

    Parameters
    ----------
    prompter: its decoder changes in place. settings: the prompts and, under `tune`, the training.
    seed: of the masks that make the prompts, and of the ROIs' order.
    place: the keys of a recipe's `train` table that say on which devices; by default on all that there are.

    Raises
    ------
    HandboneError: no ROI, none of validation that shows any of the bones, or a loss that is not finite.
    """
    tuning = Tuning(prompter, settings, seed)
    training = training_of(tuning.tune, place or {})

    def as_it_came() -> tuple[float, dict[str, Any]]:
        sums = tuning.validate(validation)
        return sums.score, {"val_dice_before": round(sums.score, 6), "val_dice_masks": round(sums.score_of_masks, 6)}

    def save(path: Path, decoder: nn.Module, summary: dict[str, Any]) -> None:
        save_prompter(path, prompter, settings.prompter, summary)

    counts = len(train), len(validation)
    work = Work(
        settings=training,
        size=prompter.size,
        in_channels=1,
        stage="prompter",
        description="Mask decoder",
        train=_Numbers(len(train)),
        validation=_Numbers(len(validation)),
        begin=lambda samples: DecoderTraining(tuning, train, validation, training, samples),
        save=save,
        fingerprint=[settings.model_dump(mode="json"), prompter.encoder_id, seed, *counts],
        as_it_came=as_it_came,
    )
    return carry_out(work, folder=folder, seed=seed)


def training_of(settings: schema.Tune, place: Mapping[str, Any]) -> schema.Train:
    """The training that a recipe's `prompt.tune` means: AdamW along one cosine, without warmup."""
    shared = ("epochs", "batch_size", "lr", "weight_decay", "gradient_clip_norm")
    # A prompter chooses its own precision, and its embeddings are read where they are needed.
    fixed: dict[str, Any] = {"warmup": 0.0, "precision": "32", "workers": 0}
    return schema.Train(**{name: getattr(settings, name) for name in shared}, **fixed, **place)


class _Asked(NamedTuple):
    """The bones asked for, logits (bones, candidates, h, w), predicted IoU (bones, candidates), what prompted them."""

    bones: tuple[int, ...]
    logits: Tensor
    iou: Tensor
    seen: BoneProbabilities


class Tuning:
    """What a decoder is asked in its tuning, and what its answers are worth; see `tune`."""

    def __init__(self, prompter: Prompter, settings: schema.Prompt, seed: int):
        self.prompter, self.settings, self.seed = prompter, settings, seed
        self.tune = settings.tune or schema.Tune()
        self.bones = select(settings.bones)
        prompter.decoder.requires_grad_(True)
        self.loss = build_loss(_LOSS)

    def roi_loss(self, roi: EmbeddedRoi, seed: tuple[int, ...]) -> Tensor | None:
        """The loss of an ROI's bones, prompted by perturbed masks; None where it shows none of them.

        All candidates learn: a prompt here means one bone, so none has another meaning to stand for. What each is
        worth is learned by the squared error of its predicted IoU, as segment-anything itself was trained.
        """
        if (answer := self._ask(roi, seed)) is None:
            return None
        asked, logits, iou, _ = answer
        ground_truth = coverage(roi.ground_truth, asked).to(logits.device)[:, None].expand_as(logits)
        # Each bone and candidate is judged on its own, as a channel of one image.
        loss = self.loss(logits.flatten(0, 1)[None], ground_truth.flatten(0, 1)[None])
        inside, true = logits.detach() > 0, ground_truth > 0.5
        real = (inside & true).sum((2, 3)) / (inside | true).sum((2, 3)).clamp(min=1)
        return loss + functional.mse_loss(iou, real)

    @torch.no_grad()
    def judge(self, sums: AnswerSums, roi: EmbeddedRoi, index: int) -> None:
        """Count an ROI of validation, the `index`-th one."""
        if (answer := self._ask(roi, (self.seed, _VALIDATION, index))) is None:
            return
        asked, logits, iou, seen = answer
        masks, ground_truth = current_masks(seen, asked, 0.5), coverage(roi.ground_truth, asked) > 0.5
        chosen, _ = rank(logits.cpu(), iou.cpu(), masks, self.settings.iou_weight)
        sums.add(
            dice_of(logits.cpu()[torch.arange(len(asked)), chosen] > 0, ground_truth), dice_of(masks, ground_truth)
        )

    def validate(self, rois: Iterable[EmbeddedRoi]) -> AnswerSums:
        """All ROIs of validation.

        Raises
        ------
        HandboneError: none shows any of the bones.
        """
        sums = AnswerSums()
        for index, roi in enumerate(rois):
            self.judge(sums, roi, index)
        if not sums.sums[2]:
            raise HandboneError("no validation ROI shows any bone of prompt.bones", remedy="choose other bones")
        return sums

    def _ask(self, roi: EmbeddedRoi, seed: tuple[int, ...]) -> _Asked | None:
        seen = perturb(roi.ground_truth, np.random.default_rng(seed), self.tune.jitter)
        shown = roi.ground_truth.threshold(0.5).present()
        bones = [bone for bone in self.bones if shown[bone]]
        asked, prompts = ask(seen, bones, self.prompter.size, self.settings, points=self.prompter.points)
        if not asked:
            return None
        embedding = torch.from_numpy(np.load(roi.embedding).astype(np.float32))
        return _Asked(asked, *self.prompter.candidates(embedding, prompts), seen)


class DecoderTraining(Training):
    """A mask decoder whose images are embedded ROIs; see `Training`."""

    remedy = "lower prompt.tune.lr"
    dice: AnswerSums

    def __init__(
        self,
        tuning: Tuning,
        train: Sequence[EmbeddedRoi],
        validation: Sequence[EmbeddedRoi],
        settings: schema.Train,
        samples: int,
    ):
        prompter = tuning.prompter
        super().__init__(prompter.decoder, settings, size=prompter.size, samples=samples, seed=tuning.seed)
        self._tuning, self._train_rois, self._validation_rois = tuning, train, validation
        self.dice = AnswerSums()

    def batch_loss(self, batch: dict[str, Any]) -> Tensor:
        """The mean loss of a batch's ROIs; one without any of the bones counts as 0."""
        seed = self._tuning.seed
        # Of every parameter, so that processes average the same ones even where no bone is asked for.
        loss = sum(
            (0.0 * parameter.sum() for parameter in self.network.parameters()), torch.zeros((), device=self.device)
        )
        for epoch, index in zip(batch["epoch"].tolist(), batch["index"].tolist(), strict=True):
            of_roi = self._tuning.roi_loss(self._train_rois[index], (seed, epoch, index))
            loss = loss if of_roi is None else loss + of_roi / len(batch["name"])
        return loss

    def on_validation_epoch_start(self) -> None:
        """Start counting."""
        self.dice = AnswerSums(self.device)

    def validation_step(self, batch: dict[str, Any], batch_index: int) -> None:
        """Count one batch of validation ROIs."""
        for index, counted in zip(batch["index"].tolist(), batch["counted"].tolist(), strict=True):
            if counted:
                self._tuning.judge(self.dice, self._validation_rois[index], index)


class _Numbers:
    """A `StageDataset` of numbers: the ROIs themselves stay with the training, which also knows what to ask."""

    def __init__(self, count: int):
        self._count, self._epoch = count, 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"name": str(index), "index": index, "epoch": self._epoch}

    def at_size(self, size: int) -> "_Numbers":
        return self

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch
