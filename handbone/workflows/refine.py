"""The second stage alone: anyone's coarse predictions refined, bone by bone, with every decision on record."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handbone import __version__
from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.escaping import cell
from handbone.core.files import atomic_file, write_json
from handbone.core.frame import Frame
from handbone.core.rle import Cells
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.own_png import encode_png
from handbone.method.merge import Decision
from handbone.method.roi import RegionOfInterest
from handbone.method.two_stage import MethodResult, TwoStage
from handbone.report.overlay import draw_overlay, panel
from handbone.runs.fingerprints import fingerprint_of
from handbone.runs.load_run import TABLE
from handbone.workflows.one_by_one import Find, Job, Made, Opened, make_each
from handbone.workflows.outputs import OVERLAYS, file_stems
from handbone.workflows.refine_sources import Loaded, Source
from handbone.workflows.results import Results
from handbone.workflows.stored_results import StoredResults, record_file

RECORD_FILE, DECISIONS_FILE = "refinement.json", "decisions.csv"
SCHEMA = "handbone.refinement/1"
_OVERLAY_PX = 900
# Of the refiner's ROI, so that what lies around it shows too.
_CONTEXT = 1.15


@dataclass(frozen=True)
class Refined:
    """What became of one image.

    name: of the image. error: why it stayed as it was. frames: where the refiner looked, by the ROI's name.
    decisions: one for each bone that could change. seconds: time taken by each step. inverted: whether the file shows
    bones dark and was turned round; None where it was not read here.
    """

    name: str
    error: str | None = None
    frames: dict[str, Any] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    inverted: bool | None = None


def refine_results(folder: Path) -> Results:
    """The output folder of `refine_predictions`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "refined predictions", resumable=True)


def refine_predictions(
    source: Source,
    method: TwoStage,
    rois: Sequence[RegionOfInterest],
    results: Results,
    *,
    fingerprint: str,
    facts: dict[str, Any],
    overwrite: bool = False,
    earlier: Sequence[Path] = (),
) -> list[Refined]:
    """Refine every image of a source and write the output folder, whole or not at all.

    Rows of bones that don't change are written as they came, letter by letter. Each image's result is kept as soon
    as it is there; after an interruption the same call goes on where it was. An image that fails keeps its rows.

    Parameters
    ----------
    method: the refiner. rois: what it reads, from `TwoStage.for_bones`.
    results: gets `predictions.csv`, `decisions.csv`, `refinement.json`, an overlay and a record an image and, for
        failures that nobody foresaw, `errors/STEM.txt`.
    fingerprint: of the method and what it is asked for, see `prediction_fingerprint`.
    facts: further entries for `refinement.json`. overwrite: whether an earlier refinement may go.
    earlier: folders of earlier results, which need not be made again where their fingerprint is the same.

    Raises
    ------
    HandboneError: the folder holds what must not go, or another process is at work there.
    """
    stems = file_stems(source.names)
    overlays = [f"{OVERLAYS}/{stem}.png" for stem in stems.values()]
    names = [TABLE, RECORD_FILE, DECISIONS_FILE, *overlays, *map(record_file, stems)]
    with results.fill(overwrite=overwrite, names=names) as workdir:
        kept = StoredResults(workdir, fingerprint)
        kept.clean(stems.items())
        task = RefineTask(source, method, rois, kept, tuple(StoredResults(folder, fingerprint) for folder in earlier))
        made = make_each(task, stems.items(), title="Refining", total=len(stems), done="refined")
        errors = {outcome.name: outcome.error for outcome in made if outcome.error is not None}
        records = []
        with PredictionsWriter(workdir / TABLE) as table:
            for name in source.names:
                if name in errors:
                    table.write_cells(name, source.item(name).cells)
                    records.append(Refined(name, error=errors[name]))
                else:
                    result = kept.read(name)
                    table.write_cells(name, result["cells"], size_hw=tuple(result["size_hw"]))
                    records.append(Refined(**result["record"]))
        with atomic_file(workdir / DECISIONS_FILE) as temporary:
            # Users open it in a spreadsheet.
            decisions_table(records).map(cell).to_csv(temporary, index=False)
        write_json(workdir / RECORD_FILE, refinement_json(records, method, {**facts, "fingerprint": fingerprint}))
    return records


@dataclass(frozen=True)
class RefineTask:
    """Refining as a value: the images' names, each with the stem of its files, are its items."""

    source: Source
    method: TwoStage
    rois: Sequence[RegionOfInterest]
    kept: StoredResults
    earlier: tuple[StoredResults, ...]

    def open(self) -> Opened[tuple[str, str]]:
        """The work is ready: the method is loaded."""
        return Opened(self.kept, self.earlier, self._job)

    def _job(self, named: tuple[str, str]) -> Job:
        name, stem = named
        item = self.source.item(name)

        def key() -> str:
            return fingerprint_of([self.kept.fingerprint, item.made_from()])

        def known(find: Find) -> list[str]:
            return [] if find(name, stem) is None else [name]

        return Job(name, stem, name, key, known, item.load, partial(self._made, name, stem))

    def _made(self, name: str, stem: str, loaded: Loaded) -> list[Made]:
        outcome = self.method.refine(loaded.image, loaded.coarse, self.rois)
        before, after = (p.threshold(self.method.threshold) for p in (outcome.coarse, outcome.final))
        result = {
            "record": asdict(_record(name, loaded.inverted, outcome)),
            "cells": _cells(loaded.cells, outcome, after),
            "size_hw": loaded.image.shape,
        }
        draw = partial(_draw, name=name, image=loaded.image, outcome=outcome, before=before, after=after)
        return [Made(name, stem, result, draw)]


def decisions_table(records: Sequence[Refined]) -> pd.DataFrame:
    """Every decision of every image as a row; ROIs with their fallback and its reason stand beside it."""
    rows = []
    for record in records:
        for decision in record.decisions:
            # The prompted network has no ROI of its own: it looks where the refiner first does.
            frame = record.frames.get(decision["roi"]) or next(iter(record.frames.values()))
            roi = {key: frame[key] for key in ("fallback", "degrees", "mirrored")} | {"roi_reason": frame["reason"]}
            rows.append({"image_name": record.name, **decision, **roi})
    return pd.DataFrame(rows)


def refinement_json(records: Sequence[Refined], method: TwoStage, facts: dict[str, Any]) -> dict[str, Any]:
    """Everything known about a refinement, as JSON values."""
    return {
        "schema": SCHEMA,
        "handbone": __version__,
        **facts,
        "threshold": method.threshold,
        "not_a_medical_device": True,
        "images": [asdict(record) for record in records],
    }


def _cells(cells: Cells, outcome: MethodResult, after: BoneMasks) -> Cells:
    """The image's 29 run lengths, new ones only where a refined mask was used."""
    used = {decision.bone for decision in _decisions(outcome) if decision.used}
    new = after.to_rle()
    return [new[i] if name in used else cells[i] for i, name in enumerate(NAMES)]


def _decisions(outcome: MethodResult) -> list[Decision]:
    return [*outcome.decisions, *outcome.prompt_decisions]


def _record(name: str, inverted: bool | None, outcome: MethodResult) -> Refined:
    return Refined(
        name=name,
        frames={name: frame.to_json() for name, frame in outcome.frames.items()},
        decisions=[decision.to_json() for decision in _decisions(outcome)],
        seconds={step: round(seconds, 4) for step, seconds in outcome.seconds.items()},
        inverted=inverted,
    )


def _draw(
    path: Path, *, name: str, image: np.ndarray, outcome: MethodResult, before: BoneMasks, after: BoneMasks
) -> None:
    """Before and after, side by side, in the first ROI's surroundings."""
    frame = next(iter(outcome.frames.values()))
    view = _surroundings(frame.frame)
    bones = [NAMES.index(decision.bone) for decision in outcome.decisions]
    used = len({decision.bone for decision in _decisions(outcome) if decision.used})
    columns = [
        (caption, draw_overlay(image, masks, view=view, bones=bones, fill_alpha=0.0, names=False))
        for caption, masks in (("before", before), ("after", after))
    ]
    title = f"{name}: {used} of {len(outcome.decisions)} bones refined"
    if frame.reason:
        title += f"; {frame.fallback} ROI, {frame.reason}"
    sheet = panel(columns, title=title, bones=bones)
    with atomic_file(path) as temporary:
        temporary.write_bytes(encode_png(sheet, compression=2))


def _surroundings(frame: Frame) -> Frame:
    rows, columns = frame.size_hw
    scale = _OVERLAY_PX / (_CONTEXT * max(rows, columns))
    shift = (_OVERLAY_PX - 1) / 2 - scale * np.array([columns - 1, rows - 1]) / 2
    return frame.then(np.column_stack([scale * np.eye(2), shift]), (_OVERLAY_PX, _OVERLAY_PX))
