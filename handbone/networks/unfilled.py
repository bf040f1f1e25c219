"""Networks that are built without drawing their first weights, for those whose weights come from a file."""

from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode

# Methods of tensors, and functions of torch.nn.init; constants are filled in, as no file holds those of every buffer.
_DRAWN = (
    *("normal_", "uniform_", "trunc_normal_", "orthogonal_", "sparse_"),
    *("xavier_normal_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_"),
)


class Unfilled(TorchFunctionMode):
    """Within it, random fills leave tensors as they are.

    segmentation-models-pytorch builds a second encoder on the meta device, only to look at it; a random fill there
    imports torch's compiler, which takes longer than everything else of the network.
    """

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if getattr(function, "__name__", "") in _DRAWN:
            return args[0] if args else named["tensor"]
        return function(*args, **named)
