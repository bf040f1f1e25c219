"""Writing a torch network in the formats of other runtimes."""

import contextlib
import errno
import os
import shutil
from importlib import metadata
from pathlib import Path

import torch
from torch import nn

from handbone.core.errors import HandboneError
from handbone.core.extras import not_installed
from handbone.networks.exported import FORMATS, Format
from handbone.networks.exported.fixed import INPUT, OUTPUT
from handbone.workflows.export_model.quiet import quiet, unreported

#: Of the ONNX files: what ONNX Runtime and OpenVINO of the last years read.
OPSET = 18
# What takes part in an export, where it is installed.
_PACKAGES = ("torch", "segmentation-models-pytorch", "timm", "onnx", "onnxscript", "onnxruntime", "openvino")


def write_network(module: nn.Module, folder: Path, name: str, shape: tuple[int, int, int, int], format: Format) -> Path:
    """Write a network for inputs of one shape (1, C, H, W); gives the file that runtimes are given.

    Raises
    ------
    HandboneError: a package of the format is not installed, or the network cannot be expressed in it.
    OSError: the file cannot be written, as on a full disk.
    """
    path = folder / f"{name}{FORMATS[format]}"
    write = _write_onnx if format == "onnx" else _write_openvino
    try:
        with quiet(), unreported(), torch.no_grad():
            write(module.eval(), path, torch.zeros(shape))
    except ModuleNotFoundError as error:
        raise not_installed(error) from error
    except OSError:
        raise
    except Exception as error:  # exporters fail in many ways
        if shutil.disk_usage(folder).free < _bytes_of(module):  # OpenVINO does not tell
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        first = (str(error).strip().splitlines() or [""])[0]
        what = f"the {name} network cannot be exported as {format} ({type(error).__name__}: {first[:200]})"
        raise HandboneError(what, remedy="try the other --format, or predict with the weights themselves") from error
    return path


def _bytes_of(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in module.state_dict().values())


def versions(format: Format) -> dict[str, str]:
    """Name of each installed package that takes part in an export to its version."""
    left_out = ("openvino",) if format == "onnx" else ("onnx", "onnxscript", "onnxruntime")
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return {name: version for name, version in found.items() if name not in left_out}


def _write_onnx(module: nn.Module, path: Path, example: torch.Tensor) -> None:
    # torch's exporter needs both, and says so less clearly.
    import onnx  # noqa: F401
    import onnxscript  # noqa: F401

    torch.onnx.export(
        module,
        (example,),
        str(path),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        external_data=False,
        verbose=False,
    )


def _write_openvino(module: nn.Module, path: Path, example: torch.Tensor) -> None:
    import openvino

    model = openvino.convert_model(module, example_input=example, input=[tuple(example.shape)])
    model.inputs[0].get_tensor().set_names({INPUT})
    model.outputs[0].get_tensor().set_names({OUTPUT})
    openvino.save_model(model, str(path), compress_to_fp16=False)
