"""A set of synthetic radiographs on disk, in the contest layout."""

import concurrent.futures
import contextlib
import json
import math
import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.core.folders import atomic_dir
from handbone.core.processes import end_with
from handbone.core.progress import track
from handbone.synthetic.hand import SyntheticHand, draw_hand
from handbone.synthetic.patients import Variety, draw_patient
from handbone.synthetic.texture import Looks

#: Share of patients whose hands are bent at the wrist, as in the contest.
BENT_SHARE = {"train": 0.12, "test": 0.58}
_FIRST_IMAGE = 1661130828152


@dataclass(frozen=True)
class _Task:
    """One image to draw and where it goes."""

    folder: Path
    split: str
    patient: int
    side: str
    bent: bool
    size: int
    seed: int
    variety: Variety
    spread: float = 1.0
    looks: Looks = "training"

    @property
    def name(self) -> str:
        """Base name without extension; numbers look like the contest's time stamps."""
        number = _FIRST_IMAGE + 10_007 * (2 * self.patient + (self.side == "L"))
        return f"image{number}_{self.side}"


def write_contest_set(
    folder: Path | str,
    *,
    train: int,
    test: int,
    size: int = 2048,
    seed: int = 0,
    variety: Variety = "upright_adult",
    test_bent: float = BENT_SHARE["test"],
    test_spread: float = 1.0,
    looks: Looks = "training",
    progress: bool = True,
    workers: int | None = None,
) -> Path:
    """Draw a data set: `{train,test}/DCM/ID001/image..._R.png` and `{train,test}/outputs_json/ID001/image..._R.json`.

    Parameters
    ----------
    folder: must not exist yet; it appears only when it is whole.
    train, test: number of images in each part; the two hands of a patient share a folder and a part.
    size: height and width of the images.
    seed: the same seed gives the same bytes, whatever the number of workers.
    variety: see `draw_hand`.
    test_bent: share of test patients whose wrists are bent.
    test_spread: times the usual variation from patient to patient, in test patients alone.
    looks: see `draw_hand`.
    progress: whether to show a bar.
    workers: processes to draw with; by default one per core, four at most.

    Raises
    ------
    HandboneError: when the folder already exists and holds something.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HandboneError(
            "the folder already exists", where=folder, remedy="choose another folder, or remove this one first"
        )
    with atomic_dir(folder) as temporary:
        shares = BENT_SHARE | {"test": test_bent}
        tasks = [
            replace(task, spread=test_spread if task.split == "test" else 1.0, looks=looks)
            for task in _tasks(temporary, {"train": train, "test": test}, size, seed, variety, shares)
        ]
        for split in ("train", "test"):
            for kind in ("DCM", "outputs_json"):
                (temporary / split / kind).mkdir(parents=True)
        workers = workers or min(4, os.cpu_count() or 1)
        with contextlib.ExitStack() as stack:
            if workers > 1 and len(tasks) > 3:
                # A fresh process each: forking a process that runs threads (torch, OpenMP) may hang.
                context = multiprocessing.get_context("spawn")
                pool = stack.enter_context(
                    concurrent.futures.ProcessPoolExecutor(workers, context, end_with, (os.getpid(),))
                )
                done = pool.map(_draw, tasks)
            else:
                done = map(_draw, tasks)
            for _ in track(done, "drawing synthetic hands", len(tasks)) if progress else done:
                pass
    return folder


def _tasks(
    folder: Path,
    counts: dict[str, int],
    size: int,
    seed: int,
    variety: Variety,
    shares: Mapping[str, float] = BENT_SHARE,
) -> list[_Task]:
    tasks, first = [], 0
    for split, count in counts.items():
        patients = math.ceil(count / 2)
        share = shares[split]
        bent = np.zeros(patients, bool)
        # At least one bent hand where there are a few patients, so that small sets show the pose too.
        bent[: max(round(share * patients), 1 if patients >= 4 and share else 0)] = True
        np.random.default_rng([seed, first, 1]).shuffle(bent)
        for number in range(count):
            patient = number // 2
            tasks.append(
                _Task(folder, split, first + patient, "RL"[number % 2], bool(bent[patient]), size, seed, variety)
            )
        first += patients
    return tasks


def _draw(task: _Task) -> None:
    patient = draw_patient(np.random.default_rng([task.seed, task.patient, 2]), task.variety, spread=task.spread)
    rng = np.random.default_rng([task.seed, task.patient, 3 + (task.side == "L")])
    hand = draw_hand(
        rng, size=task.size, variety=task.variety, bent=task.bent, side=task.side, patient=patient, looks=task.looks
    )
    identity = f"ID{task.patient + 1:03d}"
    image = task.folder / task.split / "DCM" / identity / f"{task.name}.png"
    labels = task.folder / task.split / "outputs_json" / identity / f"{task.name}.json"
    image.parent.mkdir(parents=True, exist_ok=True)
    labels.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(image), hand.image, [cv2.IMWRITE_PNG_COMPRESSION, 2]):
        raise HandboneError(
            "cannot write the image", where=image, remedy="check that the folder is writable and the disk is not full"
        )
    labels.write_text(json.dumps(annotation(hand, f"{task.name}.png", identity)), encoding="utf-8")


def annotation(hand: SyntheticHand, filename: str, identity: str) -> dict:
    """A hand's contours as the contest's annotation files hold them."""
    height, width = hand.masks.size_hw
    annotations = [
        {
            "id": f"{filename}-{anatomy.NAMES[index]}-{number}",
            "type": "poly_seg",
            "attributes": {},
            "points": polygon.tolist(),
            "label": anatomy.NAMES[index],
        }
        for index, polygons in hand.masks.polygons().items()
        for number, polygon in enumerate(polygons)
        if len(polygon) > 2
    ]
    return {
        "annotations": annotations,
        "attributes": {},
        "file_id": filename.partition(".")[0],
        "filename": filename,
        "parent_path": f"/{identity}",
        "last_modifier_id": "handbone-synthetic hand",
        "metadata": {"height": height, "width": width},
        "last_workers": [],
    }
