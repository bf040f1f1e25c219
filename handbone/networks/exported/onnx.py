"""Networks computed by ONNX Runtime."""

from pathlib import Path

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.extras import not_installed
from handbone.networks.exported.fixed import INPUT, OUTPUT, FixedSizeNetwork
from handbone.networks.grid_network import Precision


class OnnxNetwork(FixedSizeNetwork):
    """Runs an .onnx file with ONNX Runtime on the CPU, in float32.

    Parameters
    ----------
    path: the file. size_hw: height and width of its grid.
    precision: "auto" or "32". threads: of its operators; by default one a core.

    Raises
    ------
    HandboneError: ONNX Runtime is not installed, cannot read the file, or is to compute in bfloat16.
    """

    def __init__(
        self, path: Path, size_hw: tuple[int, int], *, precision: Precision = "auto", threads: int | None = None
    ):
        super().__init__(size_hw)
        if precision == "bf16":
            what = "ONNX Runtime computes these networks in float32, and the settings ask for bfloat16"
            raise HandboneError(what, where=path, remedy="use --runtime openvino, or weights whose precision is auto")
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise not_installed(error, where=path) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors alone
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common class
            first = str(error).strip().splitlines()[0]
            raise HandboneError(
                f"ONNX Runtime cannot read it ({first})", where=path, remedy="export it again"
            ) from error

    def one(self, batch: np.ndarray) -> np.ndarray:
        """Logits (1, 29, H, W) of one image (1, C, H, W)."""
        return self._session.run([OUTPUT], {INPUT: batch})[0]
