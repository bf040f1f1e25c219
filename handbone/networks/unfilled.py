"""Networks that are built without drawing their first weights, for those whose weights come from a file."""

from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode

_DRAWN = ("normal_", "uniform_")


class Unfilled(TorchFunctionMode):
    """Within it, `torch.nn.init` and random fills leave tensors as they are.

    segmentation-models-pytorch builds a second encoder on the meta device, only to look at it; a random fill there
    imports torch's compiler, which takes longer than everything else of the network.
    """

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if getattr(function, "__module__", "") == "torch.nn.init" or getattr(function, "__name__", "") in _DRAWN:
            return args[0] if args else named["tensor"]
        return function(*args, **named)
