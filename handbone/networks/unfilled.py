"""Networks that are built without drawing their first weights, for those whose weights come from a file."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch.overrides import TorchFunctionMode

from handbone.core.errors import HandboneError

# Methods of tensors, and functions of torch.nn.init; constants are filled in, as no file holds those of every buffer.
_DRAWN = (
    *("normal_", "uniform_", "trunc_normal_", "orthogonal_", "sparse_"),
    *("xavier_normal_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_"),
)
# Functions that make tensors of a size.
_MADE = ("empty", "zeros", "ones", "full", "rand", "randn")
# Elements that a network may have beside those of its file: buffers that are not stored, copies while it is built.
_BESIDE = 2**26


class Unfilled(TorchFunctionMode):
    """Within it, random fills leave tensors as they are, and no network takes more memory than its file speaks for.

    Parameters
    ----------
    file_bytes: size of the file. A card that was edited can name a network of any size, whose constants alone fill the
        memory.

    segmentation-models-pytorch builds a second encoder on the meta device, only to look at it; a random fill there
    imports torch's compiler, which takes longer than everything else of the network.
    """

    def __init__(self, file_bytes: int):
        super().__init__()
        # A number takes two bytes or more in a file; some networks are built twice.
        self._left = 4 * file_bytes + _BESIDE

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in _DRAWN:
            return args[0] if args else named["tensor"]
        if name in _MADE:
            self._left -= _elements(args, named)
            if self._left < 0:
                raise HandboneError("it would be far larger than its weights")
        return function(*args, **named)


def _elements(args: Sequence[Any], named: dict[str, Any]) -> int:
    """How many numbers a tensor of the size has that such a function was given: one sequence, or one word each."""
    size = named.get("size", args[0] if args and isinstance(args[0], Sequence) else args)
    return math.prod(max(0, side) for side in size if isinstance(side, int))
