"""Predictions, or radiographs that are outlined first, to tables of measurements, images and regions of interest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handbone import __version__
from handbone.core.csv_rows import write_rows
from handbone.core.files import write_json
from handbone.core.radiograph import Radiograph
from handbone.formats.image_files import Invert, read_image
from handbone.measure import MEASURES, Hand, Measurements, Scale, flagged_bones
from handbone.measure.measuring import COLUMNS, measure
from handbone.plugins import PredictedImage
from handbone.report.measurements import draw_measurements
from handbone.workflows.divided import Work, take_files
from handbone.workflows.masks.table import TableMasks
from handbone.workflows.png_file import write_png
from handbone.workflows.regions import write_regions
from handbone.workflows.results import Results
from handbone.workflows.tasks import Crew, Failed, here, in_reach

RECORD_FILE, TABLE_FILE, LINES = "measurements.json", "measurements.csv", "lines"
#: Of the JSON file and of `--list --json`; a number is never used for two layouts.
SCHEMA, LIST_SCHEMA = "handbone.measurements/1", "handbone.measures/1"


@dataclass(frozen=True, eq=False)
class MeasuredImage:
    """What became of one radiograph.

    Parameters
    ----------
    image: its base name. measurements: None where it could not be measured. error: why not.
    """

    image: str
    measurements: Measurements | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        if self.measurements is None:
            return {"image": self.image, "error": self.error}
        scale = self.measurements.scale
        return {
            "image": self.image,
            "error": None,
            "side": self.measurements.side,
            "scale_source": scale.source,
            "spacing_mm": scale.spacing_mm,
            "measurements": [m.to_json() for m in self.measurements],
        }


def measure_results(folder: Path) -> Results:
    """The output folder of `handbone measure`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "measurements")


def measure_images(
    source: TableMasks,
    folder: Path,
    *,
    mm_per_px: float | None = None,
    rois: Sequence[str] = (),
    invert: Invert | None = None,
    failed: Sequence[MeasuredImage] = (),
    facts: dict[str, Any] | None = None,
    crew: Crew = here,
    shards: Sequence[Path] = (),
) -> list[MeasuredImage]:
    """Measure every hand of a source.

    Parameters
    ----------
    source: masks with the radiographs that they belong to; without a radiograph, grey values are not measured.
    folder: gets `measurements.csv`, `measurements.json`, `lines/STEM.png` and, for each set in `rois`, `rois_SET/`. It
        must exist.
    mm_per_px: size of a pixel; what the files say by default.
    rois: names of sets of regions, see `handbone.measure.rois`.
    invert: how radiographs are read; by default as they were when they were outlined.
    failed: radiographs that could not be outlined.
    facts: further entries of the JSON file. crew: who does the work.
    shards: folders of all shards, which have measured already; see `measuring_work`.

    Returns
    -------
    One entry per radiograph; those that failed have an `error`.
    """
    (folder / LINES).mkdir(exist_ok=True)
    take_files(shards, folder)
    done = list(failed)
    work = measuring_work(source, folder, mm_per_px=mm_per_px, rois=rois, invert=invert, crew=crew)
    for name, found in work.results(crew, shards):
        if isinstance(found, Failed):
            done.append(MeasuredImage(name, error=found.error))
        else:
            done.append(MeasuredImage(name, found))
    done.sort(key=lambda image: image.image)
    write_tables(done, folder, facts or {})
    return done


def measuring_work(
    source: TableMasks,
    folder: Path,
    *,
    mm_per_px: float | None = None,
    rois: Sequence[str] = (),
    invert: Invert | None = None,
    crew: Crew = here,
) -> Work[str, Measurements]:
    """The work of `measure_images`, whose parameters these are, before any of it is done."""
    prepare = partial(_measuring, in_reach(crew, source, source.again), folder, mm_per_px, tuple(rois), invert)
    return Work(prepare, sorted(source.names), "Measuring", Measurements.to_json, Measurements.from_json)


def measure_predictions(
    folder: Path, *, mm_per_px: float | None, facts: dict[str, Any], crew: Crew = here
) -> dict[str, str]:
    """Measure what `handbone predict` is about to leave in a folder, into the same folder.

    Parameters
    ----------
    folder: holds `predictions.csv` and `predictions.json`. mm_per_px, facts, crew: see `measure_images`.

    Returns
    -------
    The name of each radiograph that could not be measured to the reason.
    """
    measured = measure_images(TableMasks(folder), folder, mm_per_px=mm_per_px, facts=facts, crew=crew)
    return {image.image: image.error for image in measured if image.error is not None}


def write_tables(images: Sequence[MeasuredImage], folder: Path, facts: dict[str, Any]) -> None:
    """Write `measurements.csv` and `measurements.json`."""
    rows = ({"image": i.image, **row} for i in images if i.measurements for row in i.measurements.rows())
    write_rows(folder / TABLE_FILE, ["image", *COLUMNS], rows, digits=5)
    write_json(folder / RECORD_FILE, record_of(images, facts))


def record_of(images: Sequence[MeasuredImage], facts: dict[str, Any]) -> dict[str, Any]:
    """What `measurements.json` holds."""
    return {
        "schema": SCHEMA,
        "handbone": __version__,
        "not_a_medical_device": True,
        **facts,
        "measures": [measure_json(name) for name in MEASURES],
        "images": [image.to_json() for image in images],
    }


def measure_json(name: str) -> dict[str, Any]:
    """What is known of a measure, as JSON values."""
    spec = MEASURES[name]
    kept = ("name", "title", "kind", "definition", "landmarks", "source", "normal", "repeatability")
    aim = asdict(spec.aim) if spec.aim else None
    return {**{key: getattr(spec, key) for key in kept}, "aim": aim, "bones_or_joints": list(spec.targets)}


def _measuring(
    open_source: Callable[[], TableMasks],
    folder: Path,
    mm_per_px: float | None,
    rois: Sequence[str],
    invert: Invert | None,
) -> Callable[[str], Measurements]:
    """What measures one image of a source by its name."""
    source = open_source()

    def measure_one(name: str) -> Measurements:
        image, recorded = source.image(name), source.recorded.get(name, {})
        return _measure(image, recorded, folder, mm_per_px, rois, invert or source.invert_of(name))

    return measure_one


def _measure(
    image: PredictedImage,
    recorded: Mapping[str, Any],
    folder: Path,
    mm_per_px: float | None,
    rois: Sequence[str],
    invert: Invert,
) -> Measurements:
    radiograph = read_image(image.path, invert=invert) if image.path else None
    hand = Hand(
        image.masks,
        image=None if radiograph is None else radiograph.image,
        scale=_scale(mm_per_px, radiograph, recorded),
        flagged=flagged_bones(recorded.get("flags", [])),
    )
    measurements = measure(hand)
    grey = np.zeros(image.masks.size_hw, np.float32) if hand.image is None else hand.image
    drawn = draw_measurements(grey, image.masks, measurements, title=image.name)
    write_png(folder / LINES / f"{image.stem}.png", drawn)
    for name in rois:
        write_regions(hand, name, folder / f"rois_{name}" / image.stem, image_name=image.name)
    return measurements


def _scale(mm_per_px: float | None, radiograph: Radiograph | None, recorded: Mapping[str, Any]) -> Scale:
    """The user's word first, then the file's, then what was known when the bones were outlined."""
    if radiograph is not None:
        return Scale.chosen(mm_per_px, radiograph)
    if mm_per_px is not None:
        return Scale.user(mm_per_px)
    return Scale.recorded(recorded.get("spacing_mm"), recorded.get("spacing_source", ""))
