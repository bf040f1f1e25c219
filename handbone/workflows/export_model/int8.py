"""Networks of 8-bit integers: exported OpenVINO files, quantised by NNCF on what the method shows them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.extras import not_installed
from handbone.workflows.export_model.quiet import quiet, unreported

if TYPE_CHECKING:
    from openvino import Model

#: What quantises.
QUANTISER = "nncf"
# Convolutions that stay in float, from the input and from the output: grey levels enter by the one, and the others
# place the outline at full resolution. There rounding would show in every pixel.
_FIRST, _LAST = 1, 3
# Depthwise convolutions stay in float, too. Rounded weights of these alone change the carpals of the shipped refiner
# by a Dice of .044, those of all others by .003; they cost next to no time.
_DEPTHWISE = "GroupConvolution"


def quantise(path: Path, inputs: Sequence[np.ndarray]) -> None:
    """Rewrite an OpenVINO network so that most of its convolutions multiply 8-bit integers.

    Post-training quantisation (Jacob et al., 2018, arXiv:1712.05877) with weights per output channel, ranges of maps
    from `inputs`, and bias correction (Nagel et al., 2019, arXiv:1906.04721). Everything else stays in float.

    Parameters
    ----------
    path: the .xml file; it and its .bin are replaced.
    inputs: what the network is shown, float32 (1, C, H, W).

    Raises
    ------
    HandboneError: NNCF is not installed, or it cannot quantise the network.
    """
    try:
        with quiet(), unreported():
            import nncf
            import openvino
    except ModuleNotFoundError as error:
        raise not_installed(error) from error
    model = openvino.Core().read_model(str(path))
    try:
        with quiet(), unreported():
            quantised = nncf.quantize(
                model,
                nncf.Dataset(list(inputs)),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(inputs),
                ignored_scope=nncf.IgnoredScope(names=_kept(model)),
            )
    except Exception as error:  # its errors have no common class
        first = (str(error).strip().splitlines() or [""])[0][:200]
        what = f"the {path.stem} network cannot be quantised ({type(error).__name__}: {first})"
        raise HandboneError(what, remedy="leave out --precision int8, and report this") from error
    written = path.with_name(f"{path.stem}.int8.xml")
    openvino.save_model(quantised, str(written), compress_to_fp16=False)
    # The file of the weights is mapped into memory while its model lives.
    del model, quantised
    os.replace(written, path)
    os.replace(written.with_suffix(".bin"), path.with_suffix(".bin"))


def _kept(model: "Model") -> list[str]:
    """The names of the convolutions that stay in float; operations are in order from input to output."""
    kinds = {each.get_friendly_name(): each.get_type_name() for each in model.get_ordered_ops()}
    names = [name for name, kind in kinds.items() if kind in ("Convolution", _DEPTHWISE)]
    ends = names[:_FIRST] + names[max(_FIRST, len(names) - _LAST) :]
    return ends + [name for name in names if kinds[name] == _DEPTHWISE and name not in ends]
