"""Every way of predicting that this machine has, measured one after the other, and the one to take."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.extras import not_installed
from handbone.core.progress import console, track
from handbone.networks.exported import FORMATS, Format, Runtime
from handbone.networks.grid_network import Precision
from handbone.networks.runtime import cores
from handbone.weights import find_weights, resolve
from handbone.weights.exported import EXPORT_CARD
from handbone.workflows.bench.case import Case, Measured, measure

# A runtime that is faster by less is not worth installing.
_WORTH = 1.1
# Of the synthetic radiograph.
_SEED, _SIDE = 1, 2048
_MODULES = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
_PRECISIONS: dict[str, tuple[Precision, ...]] = {"torch": ("32", "bf16"), "onnx": ("32",), "openvino": ("32", "bf16")}


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Parameters
    ----------
    cases: each way of predicting, as it was asked for. recommendation: one sentence.
    """

    weights: str
    cores: int
    cases: tuple[Measured, ...]
    recommendation: str

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {"handbone": __version__, **asdict(self)}


def bench(weights: str, image: Path | None = None, *, threads: Sequence[int] = (), repeats: int = 3) -> Bench:
    """Outline a radiograph with each runtime that is installed, in each precision and number of threads.

    Parameters
    ----------
    weights: a name, a run, a file or a folder of exported networks. Weights are exported first, where they can be.
    image: a radiograph; by default a synthetic one of 2048 x 2048, which takes a quarter of a minute to draw.
    threads: of the networks' operators; by default one, and one a core.
    repeats: how often each is measured; the median counts.

    Raises
    ------
    HandboneError: no weights of that name, no runtime for them, or nothing could be measured.
    """
    find_weights(weights)
    with tempfile.TemporaryDirectory() as folder:
        image = image or _drawn(Path(folder) / "hand.png")
        sources = dict(_sources(weights, Path(folder)))
        if not sources:
            remedy = "pip install 'handbone[train,onnx,openvino]'"
            raise HandboneError("no runtime is installed that reads these", where=weights, remedy=remedy)
        cases = [
            Case(runtime, precision, count, source, str(image), repeats)
            for runtime, source in sources.items()
            for precision in _PRECISIONS[runtime]
            for count in threads or sorted({1, cores()})
        ]
        measured = tuple(measure(case) for case in track(cases, "Measuring", total=len(cases)))
    return Bench(weights, cores(), measured, recommendation(measured))


def recommendation(cases: Sequence[Measured]) -> str:
    """Which way of predicting to take.

    Raises
    ------
    HandboneError: none gave a result.
    """
    done = [case for case in cases if case.error is None]
    if not done:
        raise HandboneError(f"nothing could be measured ({cases[0].error})")
    best = min(done, key=lambda case: case.image_seconds)
    torch = min((case for case in done if case.runtime == "torch"), key=lambda case: case.image_seconds, default=best)
    if best.runtime != torch.runtime and torch.image_seconds / best.image_seconds < _WORTH:
        best = torch
    threads = f"{best.threads} thread{'s' * (best.threads != 1)}"
    said = f"{best.runtime} in {_words(best.precision)} with {threads}: {best.image_seconds:.2f} s a radiograph"
    if best is torch:
        return said
    ratio = torch.image_seconds / best.image_seconds
    return f"{said}, {ratio:.1f} times as fast as torch; handbone export-model WEIGHTS -o DIR --format {best.runtime}"


def _words(precision: str) -> str:
    return "bfloat16" if precision == "bf16" else "float32"


def _installed(runtime: str) -> bool:
    return find_spec(_MODULES[runtime]) is not None


def _sources(weights: str, folder: Path) -> Iterator[tuple[Runtime, str]]:
    """Each runtime that can be measured, and what it is given."""
    path = resolve(weights)
    if (path / EXPORT_CARD).is_file():
        suffixes = {file.suffix for file in path.iterdir()}
        if ".onnx" in suffixes and _installed("onnx"):
            yield "onnx", weights
        if _installed("openvino"):
            yield "openvino", weights
        return
    if not _installed("torch"):
        return
    yield "torch", weights
    for format in FORMATS:
        if _installed(format) and (exported := _exported(weights, folder / format, format)):
            yield format, exported


def _exported(weights: str, folder: Path, format: Format) -> str | None:
    """The folder of weights exported for this measurement; None where they have no such form, which is said."""
    from handbone.workflows.export_model import export_model

    try:
        export_model(weights, folder, format=format)
    except HandboneError as error:
        console.print(f"Not measured: {error}", markup=False, highlight=False, soft_wrap=True)
        return None
    return str(folder)


def _drawn(path: Path) -> Path:
    try:
        from handbone.synthetic import draw_hand
    except ModuleNotFoundError as error:
        raise not_installed(error, instead="give a radiograph: handbone bench hand.png") from error

    # Without the mark of what handbone draws, which readers refuse.
    cv2.imwrite(str(path), draw_hand(_SEED, size=_SIDE).image)
    return path
