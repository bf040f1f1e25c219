"""Trains coarse network, refiner and anatomical prior at once on synthetic hands, on one GPU, against the clock.

    python docs/zero_shot_gpu/train.py --out trained
    python docs/zero_shot_gpu/train.py --out fused --networks fusion --start trained --known handbone/weights/zero_shot

Workers draw hands on the CPUs; each stays in a ring on the GPU and is seen a few times, each time through another
frame and with another look. README.md beside this file tells more.
"""

import os

# Every worker draws with one thread; OpenBLAS reads this when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import csv
import sys
import time
from typing import Any

import torch
from batches import Batches
from draw import drawing
from feeding import Feeder
from fusing import FusionTrainee
from readings import Readings
from ring import Ring
from settings import Settings, parse
from trainee import Trainee, rate_factor, starting_point
from workers import Drawers

from handbone.core import files
from handbone.core.errors import HandboneError
from handbone.core.progress import console

_STATE, _LOG = "state.pt", "log.csv"
_REPORT_SECONDS, _BRIEFLY = 10.0, 0.05
# The grid of a training of the prior alone, which reads no image.
_SIDE = 512
# What may differ when a training continues: where it runs, and until when.
_FREE = {"out", "resume", "seconds", "workers", "ring", "first", "fresh", "save_every", "norm_batches"}


class Run:
    """A training from its first hand to its weights.

    Parameters
    ----------
    settings: of the command line.

    Raises
    ------
    HandboneError: a state that is missing, of other settings, or in the way; weights that cannot be started from.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.reading = ("coarse", "refiner") if settings.networks == ("fusion",) else settings.networks
        self.starts = {name: starting_point(settings.start, name) for name in self.reading}
        sides = {card.size for name, (_, card) in self.starts.items() if name != "prior"} or {_SIDE}
        if len(sides) > 1:
            raise HandboneError("the networks read grids of different sizes", where=settings.start)
        self.side = sides.pop()
        self.trainees = self._trainees()
        self.elapsed, self.drawn = 0.0, 0
        self._load_state()

    def _trainees(self) -> list[Trainee]:
        settings = self.settings
        if settings.networks == ("fusion",):
            return [FusionTrainee(settings.start, known=settings.known, rate=settings.rate_fusion, device=self.device)]
        return [
            Trainee(name, *start, rate=settings.rate_of(name), device=self.device)
            for name, start in self.starts.items()
        ]

    def train(self) -> None:
        """Draw, learn, settle and save."""
        seed = (self.settings.seed, self.drawn)
        torch.manual_seed(sum(seed))
        kind, draw = drawing(self.reading, self.side, self.settings.adult_share)
        ring = Ring(self.settings.ring, kind, self.device)
        batches = Batches(ring, self.side, seed=seed, device=self.device)
        if self.settings.networks == ("fusion",):
            batches = Readings(ring, self.side, self.starts, seed=seed, device=self.device)
        with Drawers(self.settings.workers, kind=kind, draw=draw, seed=seed) as drawers:
            if self.device.type == "cuda":
                # Shapes never change, so that timing the algorithms pays, but it takes most of a minute: now, while
                # the first hands are drawn.
                torch.backends.cudnn.benchmark = True
                for trainee in self.trainees:
                    trainee.warm_up(self.settings.batch(trainee.name))
            with Feeder(drawers, ring) as feeder:
                while ring.filled < min(self.settings.first, self.settings.ring) or not batches.ready():
                    feeder.allow(self.settings.first)
                    time.sleep(_BRIEFLY)
                self._say(f"{ring.filled} hands drawn, training on {self.device}")
                self._learn(batches, feeder)
        self._finish(batches)

    def _learn(self, batches: Batches | Readings, feeder: Feeder) -> None:
        reported = saved = time.perf_counter()
        before = self.drawn
        began = reported - self.elapsed
        while self.elapsed < self.settings.seconds:
            feeder.allow(self.settings.fresh)
            self.drawn = before + feeder.drawn
            factor = rate_factor(self.elapsed / self.settings.seconds)
            for trainee in self.trainees:
                trainee.step(*batches.draw(trainee.name, self.settings.batch(trainee.name)), factor)
            now = time.perf_counter()
            self.elapsed = now - began
            if now - reported > _REPORT_SECONDS:
                reported = now
                self._report()
            if now - saved > self.settings.save_every:
                saved = now
                self._save_state()
        self._report()
        self._save_state()

    def _finish(self, batches: Batches | Readings) -> None:
        self._say("estimating batch-norm statistics")
        torch.backends.cudnn.benchmark = False  # no gradients, other algorithms: not worth their timing
        facts = {
            "program": "docs/zero_shot_gpu/train.py",
            "hands": self.drawn,
            "seconds": round(self.elapsed),
            "device": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
        }
        for trainee in self.trainees:
            count = self.settings.batch(trainee.name)
            trainee.settle(batches.draw(trainee.name, count)[0] for _ in range(self.settings.norm_batches))
            path = trainee.save(self.settings.out, facts | {"steps": trainee.steps, "samples": trainee.samples})
            self._say(f"{path}: {trainee.samples} samples in {trainee.steps} steps")

    def _report(self) -> None:
        row = {"seconds": round(self.elapsed, 1), "hands": self.drawn}
        for trainee in self.trainees:
            row |= {f"{trainee.name}_samples": trainee.samples, f"{trainee.name}_loss": round(trainee.recent_loss(), 5)}
        path = self.settings.out / _LOG
        fresh = not path.exists()
        with open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, row)
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        self._say(", ".join(f"{key} {value}" for key, value in row.items()))

    def _save_state(self) -> None:
        networks = {trainee.name: trainee.state() for trainee in self.trainees}
        state = {"settings": self._fixed(), "elapsed": self.elapsed, "drawn": self.drawn, "networks": networks}
        with files.atomic_file(self.settings.out / _STATE) as temporary:
            torch.save(state, temporary)

    def _load_state(self) -> None:
        path = self.settings.out / _STATE
        if not self.settings.resume:
            if path.exists():
                raise HandboneError("holds a training", where=path, remedy="give --resume, or another folder as --out")
            self.settings.out.mkdir(parents=True, exist_ok=True)
            (self.settings.out / _LOG).unlink(missing_ok=True)
            return
        if not path.is_file():
            raise HandboneError("there is no state to continue from", where=path, remedy="leave --resume out")
        state = torch.load(path, map_location=self.device, weights_only=True)
        if different := [key for key, value in self._fixed().items() if state["settings"].get(key) != value]:
            keys = ", ".join(f"--{key.replace('_', '-')}" for key in different)
            raise HandboneError(f"was trained with another {keys}", where=path, remedy="give the same as before")
        self.elapsed, self.drawn = state["elapsed"], state["drawn"]
        for trainee in self.trainees:
            trainee.load(state["networks"][trainee.name])

    def _fixed(self) -> dict[str, Any]:
        return self.settings.model_dump(mode="json", exclude=_FREE)

    def _say(self, text: str) -> None:
        console.print(f"[{self.elapsed:6.1f} s] {text}", markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Train as the command line says."""
    try:
        Run(parse()).train()
    except HandboneError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
