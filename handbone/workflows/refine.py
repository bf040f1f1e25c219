"""The second stage alone: anyone's coarse predictions refined, bone by bone, with every decision on record."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
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
from handbone.core.progress import track
from handbone.core.rle import Cells
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.own_png import encode_png
from handbone.method.merge import Decision
from handbone.method.roi import RegionOfInterest
from handbone.method.two_stage import MethodResult, TwoStage
from handbone.report.overlay import draw_overlay, panel
from handbone.runs.load_run import TABLE
from handbone.workflows.outputs import overlay_names
from handbone.workflows.refine_sources import Item, Source
from handbone.workflows.results import Results

RECORD_FILE, DECISIONS_FILE, OVERLAYS = "refinement.json", "decisions.csv", "overlays"
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
    return Results.at(folder, "refined predictions")


def refine_predictions(
    source: Source,
    method: TwoStage,
    rois: Sequence[RegionOfInterest],
    results: Results,
    *,
    facts: dict[str, Any],
    overwrite: bool = False,
) -> list[Refined]:
    """Refine every image of a source and write the output folder, whole or not at all.

    Rows of bones that don't change are written as they came, letter by letter.

    Parameters
    ----------
    method: the refiner. rois: what it reads, from `TwoStage.for_bones`.
    results: gets `predictions.csv`, `decisions.csv`, `refinement.json` and an overlay an image.
    facts: further entries for `refinement.json`. overwrite: whether an earlier refinement may go.

    Raises
    ------
    HandboneError: the folder holds what must not go, or another process is at work there.
    """
    records, overlays = [], overlay_names(source.names)
    names = [TABLE, RECORD_FILE, DECISIONS_FILE, *(f"{OVERLAYS}/{name}" for name in overlays.values())]
    with (
        results.fill(overwrite=overwrite, names=names) as temporary,
        PredictionsWriter(temporary / TABLE) as table,
    ):
        with ThreadPoolExecutor(1) as drawing:
            pending: Future | None = None
            for item in track(iter(source), "Refining", total=len(source.names)):
                if item.error is not None:
                    table.write_cells(item.name, item.cells)
                    records.append(Refined(item.name, error=item.error))
                    continue
                try:
                    outcome = method.refine(item.image, item.coarse, rois)
                    if method.prompt_stage is not None:
                        outcome = method.prompt(item.image, outcome)
                except Exception as error:  # one image must not cost the others
                    first = (str(error).strip().splitlines() or [""])[0]
                    table.write_cells(item.name, item.cells, size_hw=item.image.shape)
                    records.append(Refined(item.name, error=f"{item.name}: {type(error).__name__}: {first}"))
                    continue
                before, after = (p.threshold(method.threshold) for p in (outcome.coarse, outcome.final))
                table.write_cells(item.name, _cells(item, outcome, after), size_hw=item.image.shape)
                records.append(_record(item, outcome))
                if pending is not None:
                    pending.result()
                path = temporary / OVERLAYS / overlays[item.name]
                pending = drawing.submit(_draw, path, item, outcome, before, after)
            if pending is not None:
                pending.result()
        with atomic_file(temporary / DECISIONS_FILE) as part:
            # Users open it in a spreadsheet.
            decisions_table(records).map(cell).to_csv(part, index=False)
        write_json(temporary / RECORD_FILE, refinement_json(records, method, facts))
    return records


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


def _cells(item: Item, outcome: MethodResult, after: BoneMasks) -> Cells:
    """The image's 29 run lengths, new ones only where a refined mask was used."""
    used = {decision.bone for decision in _decisions(outcome) if decision.used}
    new = after.to_rle()
    return [new[i] if name in used else item.cells[i] for i, name in enumerate(NAMES)]


def _decisions(outcome: MethodResult) -> list[Decision]:
    return [*outcome.decisions, *outcome.prompt_decisions]


def _record(item: Item, outcome: MethodResult) -> Refined:
    return Refined(
        name=item.name,
        frames={name: frame.to_json() for name, frame in outcome.frames.items()},
        decisions=[decision.to_json() for decision in _decisions(outcome)],
        seconds={step: round(seconds, 4) for step, seconds in outcome.seconds.items()},
        inverted=item.inverted,
    )


def _draw(path: Path, item: Item, outcome: MethodResult, before: BoneMasks, after: BoneMasks) -> None:
    """Before and after, side by side, in the first ROI's surroundings."""
    frame = next(iter(outcome.frames.values()))
    view = _surroundings(frame.frame)
    bones = [NAMES.index(decision.bone) for decision in outcome.decisions]
    used = len({decision.bone for decision in _decisions(outcome) if decision.used})
    columns = [
        (caption, draw_overlay(item.image, masks, view=view, bones=bones, fill_alpha=0.0, names=False))
        for caption, masks in (("before", before), ("after", after))
    ]
    title = f"{item.name}: {used} of {len(outcome.decisions)} bones refined"
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
