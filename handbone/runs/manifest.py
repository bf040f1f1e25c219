"""The manifest: what ran, on what, with which versions; no paths, names or keys of the user's."""

import importlib.metadata
import json
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from handbone import __version__
from handbone.core.files import sha256_of, write_json
from handbone.plugins.manager import registry
from handbone.plugins.provenance import provenance
from handbone.recipe.schema import Recipe
from handbone.runs.plan import PlannedStep, Result

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

#: What the step `evaluation` says of what its metrics are.
BASIS_FILE = "basis.json"
_PACKAGES = (
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "segment-anything",
    "timm",
    "lightning",
    "albumentations",
    "opencv-python-headless",
    "numpy",
    "pandas",
    "scikit-learn",
    "pydantic",
    "pluggy",
    "safetensors",
    "numba",
)


def peak_memory_gb() -> float | None:
    """Largest resident size so far of this process plus that of its largest finished child, in gigabytes.

    None where the system does not count it, as Windows.
    """
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit / 1e9


def environment() -> dict:
    """Versions of handbone, its packages and Python, and the kind of machine."""
    import torch

    return {
        "handbone": __version__,
        "python": platform.python_version(),
        "platform": platform.system(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def write_manifest(path: Path, recipe: Recipe, plan: Sequence[PlannedStep], result: Result, *, synthetic: bool) -> None:
    """Write `manifest.json` for a finished run."""
    weights = sorted((path.parent / "weights").glob("*.safetensors"))
    write_json(
        path,
        {
            "recipe": recipe.name,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": recipe.seed,
            "data": "synthetic" if synthetic else "own",
            "environment": environment(),
            "plugins": provenance(registry()),
            "steps": {p.step.name: {"fingerprint": p.fingerprint, "state": p.state} for p in plan},
            "seconds": {name: round(value, 1) for name, value in result.seconds.items()},
            "peak_memory_gb": None if result.peak_memory_gb is None else round(result.peak_memory_gb, 2),
            "metrics": result.metrics,
            "metrics_are": _basis(path.parent / "steps" / "evaluation" / BASIS_FILE),
            "weights": {file.name: sha256_of(file) for file in weights},
            "problems": result.problems,
        },
    )


def _basis(path: Path) -> str | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
