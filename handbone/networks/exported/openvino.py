"""Networks computed by OpenVINO."""

import functools
import threading
from pathlib import Path
from typing import Any

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.extras import not_installed
from handbone.networks.exported.fixed import INPUT, FixedSizeNetwork
from handbone.networks.grid_network import Precision
from handbone.networks.light_imports import import_openvino

_FIRST = threading.Lock()


class OpenVinoNetwork(FixedSizeNetwork):
    """Runs an .xml or .onnx file with OpenVINO on the CPU.

    Parameters
    ----------
    path: the file. size_hw: height and width of its grid.
    precision: "auto" computes in bfloat16 where the processor multiplies it, "32" in float32, "bf16" in bfloat16.
    threads: of its operators; by default OpenVINO's own choice.

    Raises
    ------
    HandboneError: OpenVINO is not installed, or cannot read the file.
    """

    def __init__(
        self, path: Path, size_hw: tuple[int, int], *, precision: Precision = "auto", threads: int | None = None
    ):
        super().__init__(size_hw)
        try:
            with _FIRST:
                core = _core()
        except ModuleNotFoundError as error:
            raise not_installed(error, where=path) from error
        self.half = precision == "bf16" or (precision == "auto" and _multiplies_bf16(core))
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self.half else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            # Every process would take the first cores, so that workers waited for one another.
            "ENABLE_CPU_PINNING": "NO",
        }
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = str(threads)
        try:
            compiled = core.compile_model(str(path), "CPU", settings)
        except Exception as error:  # its errors have no common class
            first = str(error).strip().splitlines()[-1]
            raise HandboneError(f"OpenVINO cannot read it ({first})", where=path, remedy="export it again") from error
        self._request = compiled.create_infer_request()

    def one(self, batch: np.ndarray) -> np.ndarray:
        """Logits (1, 29, H, W) of one image (1, C, H, W)."""
        # The next request writes its results into the same memory.
        return self._request.infer({INPUT: batch})[0].copy()


@functools.cache
def _core() -> Any:
    """One for the whole process, which lives as long.

    Each sets the stack on which this thread's signals are handled, and takes it away when it goes. With a second one
    that came later and stays, the first Ctrl-C, or the end of a child, would then be a segmentation fault.
    """
    return import_openvino().Core()


def _multiplies_bf16(core: Any) -> bool:
    """Whether OpenVINO counts bfloat16 among what the processor is good at."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
