"""Self-training with a mean teacher: the student learns, the teacher is the moving average of it and makes the masks.

Tarvainen and Valpola 2017, with pseudo-masks made once a round. Batch-norm statistics stay those of synthetic hands.
Everything that is random depends on the seed and the step, so that a training goes on after any step as if it had
never stopped.
"""

import copy
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file
from handbone.core.frame import Frame
from handbone.core.progress import track
from handbone.data.augment import Augmenter
from handbone.data.synthetic_stream import SyntheticStream
from handbone.networks.runtime import supports_bf16
from handbone.training.inference import Predictor
from handbone.workflows.adapt.learning import Example, make_example, weighted_loss
from handbone.workflows.adapt.radiographs import Radiograph
from handbone.workflows.adapt.settings import LOOKS, VARIETIES, AdaptSettings

_STREAM, _ORDER = 2_000_000, 3
_CLIP = 1.0
# What a kill costs at most.
_CHECKPOINT_EVERY = 25


class MeanTeacher:
    """Student, teacher and optimiser, one step at a time.

    Parameters
    ----------
    network: the network to adapt, as it is; it becomes the student.
    size: side of its grid.
    steps: of the whole training.
    settings: see `AdaptSettings`.

    Attributes
    ----------
    predictor: what the teacher sees, at any time.
    loss: of the last step.
    """

    def __init__(self, network: nn.Module, *, size: int, steps: int, settings: AdaptSettings):
        self.student, self.teacher = network, copy.deepcopy(network)
        self.predictor = Predictor(self.teacher)
        self.device = self.predictor.device
        network.to(self.device, memory_format=torch.channels_last)
        self.size, self.steps, self.settings, self.step = size, steps, settings, 0
        self.loss = math.nan
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate)
        self._augmenter = Augmenter(LOOKS)

    def learn(self, own: Radiograph) -> None:
        """One step on one synthetic hand and one own radiograph; the loss of it is kept."""
        rng = np.random.default_rng([self.settings.seed, self.step])
        torch.manual_seed(self.settings.seed * 1_000_003 + self.step)
        image, target, weight = self._batch([self._synthetic(rng), self._own(own, rng)])
        self._prepare()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=supports_bf16()):
            logits = self.student(image.contiguous(memory_format=torch.channels_last))
        loss = weighted_loss(logits.contiguous(), target.float() / 255, weight.float() / 255)
        if not torch.isfinite(loss):
            raise HandboneError(f"the loss is not finite in step {self.step + 1}", remedy="start from other weights")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), _CLIP)
        self.optimiser.step()
        self._follow()
        self.step += 1
        self.loss = float(loss.detach())

    def _synthetic(self, rng: np.random.Generator) -> Example:
        variety = VARIETIES[self.step % len(VARIETIES)]
        image = SyntheticStream(1, variety, self.settings.seed).draw(_STREAM + self.step, 0, self.size)
        return make_example(image, Frame.letterbox(image.size_hw, (self.size,) * 2), self._augmenter, rng)

    def _own(self, own: Radiograph, rng: np.random.Generator) -> Example:
        # Both ways in which the method looks at a radiograph.
        masks, image = own.masks, own.image()
        frame = masks.frame if rng.random() < 0.5 else Frame.letterbox(image.size_hw, (self.size,) * 2)
        return make_example(image, frame, self._augmenter, rng, dropped=masks.dropped)

    def _batch(self, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        parts = zip(*((e.image, e.target, e.weight) for e in examples), strict=True)
        image, target, weight = (torch.from_numpy(np.stack(part)).to(self.device) for part in parts)
        return image, target, weight

    def _prepare(self) -> None:
        self.student.train()
        for part in self.student.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()
        share = 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = share * self.settings.learning_rate

    @torch.no_grad()
    def _follow(self) -> None:
        for kept, new in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            kept.lerp_(new, 1 - self.settings.ema)

    def save(self, path: Path) -> None:
        """Write everything that the next step depends on, whole or not at all."""
        state = {
            "step": self.step,
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        with atomic_file(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        self.student.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        self.optimiser.load_state_dict(state["optimiser"])


def self_train(
    training: MeanTeacher,
    radiographs: int,
    outlined: Callable[[int, Sequence[int]], list[Radiograph]],
    checkpoint: Path,
) -> None:
    """Train to the end, or on from the checkpoint where there is one.

    Parameters
    ----------
    radiographs: how many there are.
    outlined: given the round and the numbers of its radiographs, those that are usable with the teacher's masks.
    checkpoint: file that is written every 25 steps and when a round begins.

    Raises
    ------
    HandboneError: no usable radiograph in a round, or a loss that is lost.
    """
    if checkpoint.is_file():
        training.load(checkpoint)
    each = training.settings.round_steps
    while training.step < training.steps:
        turn, end = training.step // each, min((training.step // each + 1) * each, training.steps)
        if training.step == turn * each:
            training.save(checkpoint)
        usable = outlined(turn, chosen(turn, radiographs, training.settings))
        said = f"Learning, round {turn + 1} of {-(-training.steps // each)}"
        for step in track(range(training.step, end), said, note=lambda: f"loss {training.loss:.3f}"):
            training.learn(usable[step % len(usable)])
            if training.step % _CHECKPOINT_EVERY == 0 or training.step == training.steps:
                training.save(checkpoint)


def chosen(turn: int, radiographs: int, settings: AdaptSettings) -> list[int]:
    """The numbers of a round's radiographs: all where they are few, else the next ones in an order of chance.

    >>> chosen(0, 2, AdaptSettings()) in ([0, 1], [1, 0])
    True
    """
    count = min(radiographs, settings.round_steps)
    first = turn * count
    picked: list[int] = []
    while len(picked) < count:
        cycle, at = divmod(first + len(picked), radiographs)
        order = np.random.default_rng([settings.seed, _ORDER, cycle]).permutation(radiographs)
        picked += order[at : at + count - len(picked)].tolist()
    return picked
