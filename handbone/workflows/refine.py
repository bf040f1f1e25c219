"""The second stage alone: anyone's coarse predictions refined, bone by bone, with every decision on record."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from handbone import __version__
from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.csv_rows import write_rows
from handbone.core.escaping import cell
from handbone.core.json_stream import write_json_entries
from handbone.core.rle import Cells
from handbone.formats.contest_csv import PredictionsWriter
from handbone.method.merge import Decision
from handbone.method.roi import RegionOfInterest
from handbone.method.two_stage import MethodResult, TwoStage
from handbone.runs.fingerprints import fingerprint_of
from handbone.runs.load_run import TABLE
from handbone.workflows.one_by_one import Find, Job, Made, Opened, Outcome, make_each
from handbone.workflows.outputs import OVERLAYS, file_stems
from handbone.workflows.records import IMAGES
from handbone.workflows.refine_overlay import draw_refined
from handbone.workflows.refine_sources import Loaded, Source
from handbone.workflows.results import Results
from handbone.workflows.shards import Shard
from handbone.workflows.stored_results import StoredResults, record_file
from handbone.workflows.tasks import Crew, here

RECORD_FILE, DECISIONS_FILE = "refinement.json", "decisions.csv"
SCHEMA = "handbone.refinement/1"


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
    source: Callable[[], Source],
    load: Callable[[], TwoStage],
    bones: Sequence[int],
    results: Results,
    *,
    fingerprint: str,
    overwrite: bool = False,
    earlier: Sequence[Path] = (),
    head: Mapping[str, Any],
    shard: Shard | None = None,
    crew: Crew = here,
) -> list[Refined]:
    """Refine every image of a source and write the output folder, whole or not at all.

    Rows of bones that don't change are written as they came, letter by letter. Each image's result is kept as soon
    as it is there; after an interruption the same call goes on where it was. An image that fails keeps its rows.

    Parameters
    ----------
    source, load: give the predictions and the refiner, here and in other processes that do the work.
    bones: indices of those to be refined.
    results: gets `predictions.csv`, `decisions.csv`, `refinement.json`, one overlay and one record per image and, for
        failures that nobody foresaw, `errors/STEM.txt`.
    fingerprint: of the method and what it is asked for, see `prediction_fingerprint`.
    overwrite: whether an earlier refinement may go.
    earlier: folders of earlier results, which need not be made again where their fingerprint is the same.
    head: what `refinement.json` says beside the images, see `refinement_head`.
    shard: the part of the images that is refined, if not all. crew: who does the work.

    Raises
    ------
    HandboneError: the folder holds what must not go, or another process is at work there.
    """
    coarse = source()
    stems = {name: stem for name, stem in file_stems(coarse.names).items() if shard is None or name in shard}
    with results.fill(overwrite=overwrite, names=written_names(stems)) as workdir:
        kept = StoredResults(workdir, fingerprint)
        kept.clean(stems.items())
        task = RefineTask(source, load, tuple(bones), workdir, fingerprint, tuple(earlier))
        made = make_each(task, stems.items(), title="Refining", total=len(stems), done="refined", crew=crew)
        with closing(made):
            errors = {outcome.name: outcome.error for outcome in made if outcome.error is not None}
        return write_refined(coarse, stems, kept, errors, head)


def written_names(stems: Mapping[str, str]) -> list[str]:
    """The files that are written for images, by `file_stems`."""
    overlays = [f"{OVERLAYS}/{stem}.png" for stem in stems.values()]
    return [TABLE, RECORD_FILE, DECISIONS_FILE, *overlays, *map(record_file, stems)]


def write_refined(
    source: Source, names: Iterable[str], kept: StoredResults, errors: Mapping[str, str], head: Mapping[str, Any]
) -> list[Refined]:
    """Write the table, decisions and the record of what is kept; gives what became of each image."""
    records = []
    with PredictionsWriter(kept.folder / TABLE) as table:
        for name in names:
            if name in errors:
                item = source.item(name)
                table.write_cells(name, item.cells, size_hw=item.size_hw)
                records.append(Refined(name, error=errors[name]))
            else:
                result = kept.read(name)
                table.write_cells(name, result["cells"], size_hw=tuple(result["size_hw"]))
                records.append(Refined(**result["record"]))
    rows = decision_rows(records)
    # Users open it in a spreadsheet.
    cells = ({key: cell(value) for key, value in row.items()} for row in rows)
    write_rows(kept.folder / DECISIONS_FILE, list(rows[0]) if rows else [], cells)
    write_json_entries(kept.folder / RECORD_FILE, head, IMAGES, map(asdict, records))
    return records


@dataclass(frozen=True)
class RefineTask:
    """Refining as a value that other processes can be handed; its items are names of images with the stems of files.

    Parameters
    ----------
    source, load: give the predictions and the refiner. Two tasks of one fingerprint have the same.
    bones: to be refined. folder: where results are kept. fingerprint, earlier: as `refine_predictions` has them.
    """

    source: Callable[[], Source] = field(compare=False)
    load: Callable[[], TwoStage] = field(compare=False)
    bones: tuple[int, ...]
    folder: Path
    fingerprint: str
    earlier: tuple[Path, ...] = ()
    networks: bool = True

    def open(self) -> Opened[tuple[str, str]]:
        """Load the networks and open the predictions."""
        method, kept = self.load(), StoredResults(self.folder, self.fingerprint)
        earlier = tuple(StoredResults(folder, self.fingerprint) for folder in self.earlier)
        refine = partial(_made, method, method.for_bones(self.bones))
        return Opened(kept, earlier, partial(self._job, self.source(), refine))

    def lost(self, item: tuple[str, str], why: str) -> Outcome:
        """An image whose processes died keeps its rows."""
        return Outcome(item[0], error=f"{item[0]}: {why}")

    def _job(self, source: Source, refine: Callable[[str, str, Loaded], list[Made]], named: tuple[str, str]) -> Job:
        name, stem = named
        item = source.item(name)

        def key() -> str:
            return fingerprint_of([self.fingerprint, item.made_from()])

        def known(find: Find) -> list[str]:
            return [] if find(name, stem) is None else [name]

        return Job(name, stem, name, key, known, item.load, partial(refine, name, stem))


def _made(method: TwoStage, rois: Sequence[RegionOfInterest], name: str, stem: str, loaded: Loaded) -> list[Made]:
    outcome = method.refine(loaded.image, loaded.coarse, rois)
    before, after = (p.threshold(method.threshold) for p in (outcome.coarse, outcome.final))
    result = {
        "record": asdict(_record(name, loaded.inverted, outcome)),
        "cells": _cells(loaded.cells, outcome, after),
        "size_hw": loaded.image.shape,
    }
    draw = partial(draw_refined, name=name, image=loaded.image, outcome=outcome, before=before, after=after)
    return [Made(name, stem, result, draw)]


def decision_rows(records: Sequence[Refined]) -> list[dict[str, Any]]:
    """Every decision of every image as a row, all with the same keys; its ROI stands beside it."""
    rows = []
    for record in records:
        for decision in record.decisions:
            # The prompted network has no ROI of its own: it looks where the refiner first does.
            frame = record.frames.get(decision["roi"]) or next(iter(record.frames.values()))
            roi = {key: frame[key] for key in ("fallback", "degrees", "mirrored")} | {"roi_reason": frame["reason"]}
            rows.append({"image_name": record.name, **decision, **roi})
    return rows


def refinement_head(threshold: float, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is known about a refinement beside the images, as JSON values; these follow under the key `images`."""
    return {
        "schema": SCHEMA,
        "handbone": __version__,
        **facts,
        "threshold": threshold,
        "not_a_medical_device": True,
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
