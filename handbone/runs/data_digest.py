"""What tells one data set from another: all that is known of its samples, and the content of their files."""

import dataclasses
from pathlib import Path
from typing import Any

from handbone.core.digests import content_digest
from handbone.core.samples import Sample, relative_to
from handbone.data.dataset import Dataset
from handbone.formats import readers
from handbone.plugins.manager import registry
from handbone.plugins.provenance import code_of


def data_digest(dataset: Dataset) -> dict[str, Any]:
    """Every field of every sample, with the content of the files among them, and the plugins that read these.

    Places count relative to the folder, so that a copied or moved one is the same data set.
    """
    packages = {
        one.package
        for sample in dataset.samples
        for one in readers.candidates(sample.image)
        if not readers.is_builtin(one)
    }
    return {
        "samples": [_fields(sample, dataset.root) for sample in dataset.samples],
        "readers": {package: code_of(registry(), package) for package in sorted(packages)},
    }


def _fields(sample: Sample, root: Path) -> dict[str, Any]:
    return {field.name: _told(getattr(sample, field.name), root) for field in dataclasses.fields(sample)}


def _told(value: Any, root: Path) -> Any:
    if not isinstance(value, Path):
        return value
    try:
        digest: Any = (
            {path.name: content_digest(path) for path in sorted(value.iterdir()) if path.is_file()}
            if value.is_dir()
            else content_digest(value)
        )
    except OSError:
        digest = None  # the step that reads it says so
    return [relative_to(value, root), digest]
