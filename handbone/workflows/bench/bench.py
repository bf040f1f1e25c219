"""Every way of predicting that this machine has, measured one after the other, and the one to take."""

import platform
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import cv2

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.extras import not_installed
from handbone.core.progress import console, track
from handbone.formats.image_files import size_of
from handbone.networks.exported import FORMATS, Format, Runtime
from handbone.networks.exported.opening import runtime_of
from handbone.networks.grid_network import Precision
from handbone.networks.runtime import cores
from handbone.weights import find_weights
from handbone.workflows.bench.case import Case, Measured, measure

_Reader = Literal["torch"] | Format
# A runtime that is faster by less is not worth installing.
_WORTH = 1.1
# Of the synthetic radiograph.
_SEED, _SIDE = 1, 2048
_MODULES = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
# Which runtimes read networks of a runtime, or what is exported of them, and the extra that installs these.
_READERS: dict[Runtime, tuple[_Reader, ...]] = {
    "torch": ("torch", "onnx", "openvino"),
    "onnx": ("onnx", "openvino"),
    "openvino": ("openvino",),
}
_EXTRAS: dict[Runtime, str] = {"torch": "train,onnx,openvino", "onnx": "predict", "openvino": "openvino"}
_PRECISIONS: dict[str, tuple[Precision, ...]] = {"torch": ("32", "bf16"), "onnx": ("32",), "openvino": ("32", "bf16")}


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Parameters
    ----------
    weights: that were measured. machine: its processor and system. cores: that may be used. image: what was outlined.
    cases: each way of predicting, as it was asked for.
    recommendation: one sentence. commands: what to type for it.
    """

    weights: str
    machine: str
    cores: int
    image: str
    cases: tuple[Measured, ...]
    recommendation: str
    commands: tuple[str, ...] = ()

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
    own = runtime_of(find_weights(weights)[0], "auto")
    runtimes = _runtimes(weights, own)
    with tempfile.TemporaryDirectory() as folder:
        height, width = (_SIDE, _SIDE) if image is None else size_of(image)
        named = "a synthetic radiograph" if image is None else image.name
        image = image or _drawn(Path(folder) / "hand.png")
        sources = dict(_sources(weights, own, runtimes, Path(folder)))
        cases = [
            Case(runtime, precision, count, source, str(image), repeats)
            for runtime, source in sources.items()
            for precision in _PRECISIONS[runtime]
            for count in threads or sorted({1, cores()})
        ]
        measured = tuple(measure(case) for case in track(cases, "Measuring", total=len(cases)))
    said, typed = recommendation(measured), commands(measured, weights, cores(), own)
    return Bench(weights, machine(), cores(), f"{named} of {width} x {height} pixels", measured, said, typed)


def recommendation(cases: Sequence[Measured]) -> str:
    """Which way of predicting to take.

    Raises
    ------
    HandboneError: none gave a result.
    """
    best, torch = _best(cases)
    threads = f"{best.threads} thread{'s' * (best.threads != 1)}"
    said = f"{best.runtime} in {_words(best.precision)} with {threads}: {best.image_seconds:.2f} s a radiograph"
    if best is torch:
        return said
    return f"{said}, {torch.image_seconds / best.image_seconds:.1f} times as fast as torch"


def commands(cases: Sequence[Measured], weights: str, count: int, own: Runtime = "torch") -> tuple[str, ...]:
    """What to type for it: the export, where one is needed, and how to predict many radiographs.

    Parameters
    ----------
    weights: that were measured. count: cores, which as many workers share as gain by it. own: their own runtime.

    Raises
    ------
    HandboneError: no case gave a result.
    """
    best, _ = _best(cases)
    exports = own == "torch" and best.runtime in FORMATS
    way = (best.runtime, best.precision)
    alike = [case for case in cases if case.error is None and (case.runtime, case.precision) == way]
    rates = {max(1, count // case.threads): max(1, count // case.threads) / case.image_seconds for case in alike}
    workers = max(rates, key=rates.__getitem__)
    given = "net" if exports else quote(weights)
    other = f" --runtime {best.runtime}" * (not exports and best.runtime != own)
    many = f"handbone predict FOLDER --weights {given}{other}{f' --workers {workers}' * (workers > 1)}"
    return (*[f"handbone export-model {quote(weights)} -o net --format {best.runtime}"] * exports, many)


def machine() -> str:
    """Its processor, as far as the system tells, and the system."""
    name, known = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if known.is_file():
        lines = known.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {platform.system()}"


def _best(cases: Sequence[Measured]) -> tuple[Measured, Measured]:
    """The way to take, and the fastest one of torch; the same where torch was not measured."""
    done = sorted((case for case in cases if case.error is None), key=lambda case: case.image_seconds)
    if not done:
        raise HandboneError(f"nothing could be measured ({cases[0].error})")
    torch = next((case for case in done if case.runtime == "torch"), done[0])
    return (torch if torch.image_seconds / done[0].image_seconds < _WORTH else done[0]), torch


def _words(precision: str) -> str:
    return "bfloat16" if precision == "bf16" else "float32"


def _installed(runtime: str) -> bool:
    return find_spec(_MODULES[runtime]) is not None


def _runtimes(weights: str, own: Runtime) -> tuple[_Reader, ...]:
    """The runtimes that are installed and read weights, or what is exported of them; `own` is theirs.

    Raises
    ------
    HandboneError: there is none.
    """
    found = tuple(runtime for runtime in _READERS[own] if _installed(runtime))
    if found and (own != "torch" or "torch" in found):
        return found
    remedy = f"pip install 'handbone[{_EXTRAS[own]}]'"
    if own == "torch":
        remedy += ", or give networks that handbone export-model has written"
    raise HandboneError("no runtime is installed that reads these", where=weights, remedy=remedy)


def _sources(weights: str, own: Runtime, runtimes: Sequence[_Reader], folder: Path) -> Iterator[tuple[Runtime, str]]:
    """Each runtime that can be measured, and what it is given."""
    for runtime in runtimes:
        if own != "torch" or runtime == "torch":
            yield runtime, weights
        elif exported := _exported(weights, folder / runtime, runtime):
            yield runtime, exported


def _exported(weights: str, folder: Path, format: Format) -> str | None:
    """The folder of weights exported for this measurement; None where they have no such form, which is said."""
    from handbone.workflows.export_model import export_model

    console.print(f"Exporting {weights} for {format}", markup=False, highlight=False, soft_wrap=True)
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

    console.print("Drawing a synthetic radiograph", markup=False, highlight=False)
    # Without the mark of what handbone draws, which readers refuse.
    cv2.imwrite(str(path), draw_hand(_SEED, size=_SIDE).image)
    return path
