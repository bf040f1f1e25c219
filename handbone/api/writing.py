"""Masks of several images to files, by the writers that `handbone predict --write` has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.plugins import PredictedImage
from handbone.workflows.outputs import file_stems, shortened
from handbone.workflows.results import Results
from handbone.workflows.writers import Writers, writer_factories


def write_images(
    images: Iterable[PredictedImage],
    folder: Path,
    formats: Sequence[str],
    settings: Mapping[str, Mapping[str, Any]],
    *,
    overwrite: bool,
) -> None:
    """Write masks to FOLDER/FORMAT in each format; parameters and errors are those of `handbone.write`."""
    factories = writer_factories(formats, settings)
    if not factories:
        raise HandboneError("no format is given", remedy="name one, such as 'coco'")
    with Results.at(folder, "exported masks").fill(overwrite=overwrite) as work:
        writers, stems = Writers(factories, work), set[str]()
        for image in images:
            stem = file_stems([image.name])[image.name]
            stem = shortened(image.name) if stem in stems else stem
            stems.add(stem)
            _refuse(writers.write(replace(image, stem=stem)), where=image.name)
        if not stems:
            raise HandboneError("there are no predictions to write", where=folder, remedy="give at least one")
        _refuse(writers.close(), where=str(folder))


def _refuse(failed: Mapping[str, str], *, where: str) -> None:
    for name, reason in failed.items():
        raise HandboneError(f"cannot be written as {name}: {reason}", where=where)
