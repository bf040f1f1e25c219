"""The third stage: a segment-anything network is shown the ROI and asked for each bone by its current mask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handbone.anatomy import COUNT, NAMES, select
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.data.view import resized, view
from handbone.method.merge import Merged, merge
from handbone.method.prompt_inputs import ask, seen_on_grid
from handbone.method.roi_placement import RoiPlacement, place_roi
from handbone.method.settings import PromptSettings
from handbone.networks.prompters import build_prompter
from handbone.plugins import Prompter
from handbone.recipe import schema
from handbone.recipe.schema import Choice
from handbone.weights.network_file import WeightsCard, load_state, read_card, save_weights
from handbone.weights.origin import as_made

# Predictions of weights without a prompted stage need no torch.
if TYPE_CHECKING:
    from torch import Tensor

PROMPTER_FILE = "prompter.safetensors"
#: Name of the ROI and of its decisions in records.
PROMPT_ROI = "prompt"

# Under this key a decoder's card names its encoder.
_ENCODER = "encoder_id"
# Bones that are decoded at once: eight of segment-anything's take half a gigabyte.
_BATCH = 8
# As in `refine`: logits of bones that are not asked for.
_ABSENT = -30.0


@dataclass(frozen=True)
class Answer:
    """What the prompted network said of a bone.

    Parameters
    ----------
    bone: name of the bone.
    candidate: number of the answer that was taken, among those that the network gave.
    predicted_iou: the IoU that the network expects of it.
    agreement: its Dice with the current mask, on the network's mask grid.
    """

    bone: str
    candidate: int
    predicted_iou: float
    agreement: float

    def to_json(self) -> dict:
        """The answer as JSON values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Prompted:
    """The prompted bones in the image's pixels, nothing elsewhere; one answer for each bone that was asked for."""

    probabilities: BoneProbabilities
    answers: list[Answer]


def predict_prompted(
    prompter: Prompter,
    image: np.ndarray,
    frame: Frame,
    current: BoneProbabilities,
    *,
    bones: Iterable[int],
    settings: schema.Prompt,
    threshold: float = 0.5,
) -> Prompted:
    """The chosen bones as the prompted network sees them; the ROI is embedded once for all of them.

    Parameters
    ----------
    image: float32 (H, W) in [0, 1].
    frame: the ROI, on a grid of any size.
    current: what is known so far, in the image's pixels; bones without a mask in the ROI are not asked for.
    bones: indices of the bones to ask for.
    settings: the prompts, and how answers are ranked.
    threshold: probability from which a pixel belongs to a bone.
    """
    import torch

    small = resized(frame, prompter.mask_size)
    seen = seen_on_grid(current, small)
    asked, prompts = ask(seen, bones, prompter.size, settings, threshold=threshold, points=prompter.points)
    planes = np.full((COUNT, *small.size_hw), _ABSENT, np.float32)
    answers: list[Answer] = []
    if asked:
        embedding = prompter.embed(view(image, resized(frame, prompter.size)))
        for first in range(0, len(asked), _BATCH):
            part = asked[first : first + _BATCH]
            with torch.no_grad():
                logits, iou = prompter.candidates(embedding, prompts.rows(first, first + _BATCH))
            masks = current_masks(seen, part, threshold)
            taken, agreement = rank(logits.cpu(), iou.cpu(), masks, settings.iou_weight)
            for row, (bone, candidate) in enumerate(zip(part, taken.tolist(), strict=True)):
                planes[bone] = logits[row, candidate].cpu().numpy()
                said = round(float(iou[row, candidate]), 4), round(float(agreement[row, candidate]), 4)
                answers.append(Answer(NAMES[bone], candidate, *said))
    return Prompted(BoneProbabilities.from_grid_logits(planes, small, image.shape), answers)


def current_masks(seen: BoneProbabilities, bones: Iterable[int], threshold: float) -> Tensor:
    """The masks of some bones on the mask grid, bool (B, m, m)."""
    import torch

    masks = seen.threshold(threshold)
    return torch.from_numpy(np.stack([masks.mask(bone) for bone in bones]))


def rank(logits: Tensor, iou: Tensor, masks: Tensor, iou_weight: float) -> tuple[Tensor, Tensor]:
    """Which candidate each bone gets: the highest of iou_weight * predicted IoU + (1 - iou_weight) * agreement.

    A network that was never shown radiographs is often sure of the whole hand: agreement keeps to the bone.

    Parameters
    ----------
    logits: (B, K, m, m). iou: (B, K). masks: bool (B, m, m), the current ones.

    Returns
    -------
    The candidate's number (B,), and the Dice of every candidate with the current mask (B, K).
    """
    inside, masks = logits > 0, masks[:, None]
    shared = (inside & masks).sum((2, 3))
    agreement = 2 * shared / (inside.sum((2, 3)) + masks.sum((2, 3))).clamp(min=1)
    return (iou_weight * iou.clamp(0, 1) + (1 - iou_weight) * agreement).argmax(1), agreement


@dataclass(frozen=True, eq=False)
class PromptStage:
    """A prompter and how it is used."""

    prompter: Prompter
    settings: PromptSettings

    def ask(
        self,
        image: np.ndarray,
        current: BoneProbabilities,
        where: RoiPlacement | None = None,
        *,
        threshold: float = 0.5,
    ) -> tuple[Prompted, RoiPlacement]:
        """Prompt in the refiner's ROI, or in one of its own without; and that ROI."""
        bones = select(self.settings.prompt.bones)
        if where is None:
            where = place_roi(current.threshold(threshold), self.settings.roi, self.prompter.size, bones=bones)
        prompted = predict_prompted(
            self.prompter,
            image,
            where.frame,
            current,
            bones=bones,
            settings=self.settings.prompt,
            threshold=threshold,
        )
        return prompted, where

    def decide(
        self, current: BoneProbabilities, prompted: Prompted, where: RoiPlacement, *, threshold: float = 0.5
    ) -> Merged:
        """Merge what `ask` gave through the same gate as a refiner's masks."""
        return merge(
            current,
            prompted.probabilities,
            where.frame,
            self.settings.limits,
            bones=select(self.settings.prompt.bones),
            threshold=threshold,
            gate=self.settings.gate,
            roi=PROMPT_ROI,
        )


def save_prompter(path: Path, prompter: Prompter, choice: Choice, training: dict[str, Any] | None = None) -> Path:
    """Write a prompter's decoder with a card that says which encoder it belongs to, whole or not at all.

    Parameters
    ----------
    choice: the prompter as the recipe names it. training: how the decoder was tuned, if it was.
    """
    card = WeightsCard(
        model=choice,
        in_channels=1,
        size=prompter.size,
        stage="prompter",
        extra={_ENCODER: prompter.encoder_id},
        training=training or {},
    )
    return save_weights(path, prompter.decoder, card)


def read_prompter(path: Path) -> Prompter:
    """A prompter with the decoder of a weights file; its encoder comes from where the file's card says.

    Raises
    ------
    HandboneError: weights of another stage, or a prompter that is not installed, has no checkpoint or is another.
    """
    card = read_card(path)
    if card.stage != "prompter":
        raise HandboneError(f"these weights belong to the stage '{card.stage}', not to a prompter", where=path)
    prompter = build_prompter(as_made("prompter", card.model, card.plugin, where=path), where=str(path))
    if card.extra.get(_ENCODER) != prompter.encoder_id:
        remedy = f"restore the checkpoint that the run used ({card.model.settings})"
        raise HandboneError("its decoder belongs to another encoder", where=path, remedy=remedy)
    load_state(prompter.decoder, path)
    return prompter
