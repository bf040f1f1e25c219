"""Which library computes an exported network."""

from pathlib import Path
from typing import Literal

from handbone.core.errors import HandboneError
from handbone.networks.grid_network import GridNetwork, Precision
from handbone.networks.runtime import thread_limit

#: What computes a network; "auto": torch where weights are given, else the library of the exported files.
Runtime = Literal["auto", "torch", "onnx", "openvino"]
#: A format of exported networks.
Format = Literal["onnx", "openvino"]
#: The formats of exported networks, each the name of its own runtime, and how their files end.
FORMATS: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml"}


def runtime_of(path: Path, runtime: Runtime) -> Runtime:
    """The library that computes the network of a file: as asked for, or the file's own.

    Raises
    ------
    HandboneError: that library does not read such files.
    """
    own: Runtime = next((name for name, suffix in FORMATS.items() if path.suffix == suffix), "torch")
    if runtime in ("auto", own) or (own, runtime) == ("onnx", "openvino"):
        return own if runtime == "auto" else runtime
    if own == "torch":
        what = f"the runtime {runtime} reads exported networks, and these are weights"
        remedy = f"first export them: handbone export-model WEIGHTS -o DIR --format {runtime}"
    else:
        what = f"the runtime {runtime} does not read a network that was exported as {own}"
        remedy = "leave out --runtime, or give other files: handbone export-model writes them"
    raise HandboneError(what, where=path, remedy=remedy)


def open_exported(
    path: Path,
    size_hw: tuple[int, int],
    *,
    runtime: Runtime = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
) -> GridNetwork:
    """The network of an exported file.

    Parameters
    ----------
    size_hw: height and width of the grid that it was exported for.
    precision: OpenVINO computes "auto" in bfloat16 where the processor multiplies it; ONNX Runtime in float32 only.
    threads: of its operators; by default one a core, or as many as `limit_threads` allows.

    Raises
    ------
    HandboneError: the library is not installed or does not read the file, or a precision that it has not.
    """
    chosen, threads = runtime_of(path, runtime), threads or thread_limit()
    if chosen == "onnx":
        from handbone.networks.exported.onnx import OnnxNetwork

        return OnnxNetwork(path, size_hw, precision=precision, threads=threads)
    if chosen == "openvino":
        from handbone.networks.exported.openvino import OpenVinoNetwork

        return OpenVinoNetwork(path, size_hw, precision=precision, threads=threads)
    raise HandboneError("is no exported network", where=path, remedy="make one with handbone export-model")
