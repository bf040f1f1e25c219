"""Networks rewritten for prediction: the same logits but for rounding, in less time on a CPU."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from handbone.networks.upsampling import UpsampledBlock, is_upsampling_block

# Convolutions that use their weights as they are; timm's pads by itself before.
_PLAIN = ("Conv2d", "Conv2dSame")
_SIDE = 64  # of the image that shows which layers follow each other
_VALUES = ("__bool__", "__float__", "__int__", "__index__", "item", "tolist", "numpy")


def for_prediction(network: nn.Module, in_channels: int) -> nn.Module:
    """Fold batch norms into the convolutions before them, and enlarge no map before it is convolved; in place.

    A batch norm is folded where it alone reads what one convolution gives, as one pass over a small image shows. A
    network that does not read so small an image, or whose course depends on values, stays as it is.

    Parameters
    ----------
    network: in evaluation mode, on the CPU.
    in_channels: of images that it reads.
    """
    seen = _watched(network, in_channels)
    for first, second in seen.pairs():
        norm = network.get_submodule(second)
        _replace(network, first, fuse_conv_bn_eval(network.get_submodule(first), norm))
        # timm's batch norm holds the activation that follows it.
        _replace(network, second, getattr(norm, "act", None) or nn.Identity())
    for name, channels in seen.enlarged.items():
        _replace(network, name, UpsampledBlock(network.get_submodule(name), channels))
    return network.eval()


class _DependsOnValues(Exception):
    """A network asks for the value of a tensor."""


class _Watch(TorchFunctionMode):
    """Sees which operations read what convolutions give, and how many channels are enlarged.

    Attributes
    ----------
    enlarged: name of each block that enlarges a map, to its channels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enlarged: dict[str, int] = {}
        self._readers: Counter[int] = Counter()
        self._convolutions: dict[int, tuple[str, Tensor]] = {}
        self._norms: list[tuple[int, str]] = []

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function, and note what it read if it made a tensor of it."""
        if getattr(function, "__name__", "") in _VALUES:
            raise _DependsOnValues
        given = function(*args, **(kwargs or {}))
        if any(isinstance(each, Tensor) for each in tree_leaves(given)):
            self._readers.update({id(each) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)})
        return given

    def gives(self, name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        """A convolution gave this. It is kept, so that no later tensor has its identity; an earlier one may have."""
        self._convolutions[id(output)] = (name, output)
        self._readers.pop(id(output), None)

    def reads(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """A batch norm is about to read this."""
        self._norms.append((id(inputs[0]), name))

    def enlarges(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """A block is about to enlarge this."""
        self.enlarged[name] = inputs[0].shape[1]

    def pairs(self) -> list[tuple[str, str]]:
        """Names of convolutions and of batch norms that were used once, the one for the other alone."""
        used = Counter([*(name for name, _ in self._convolutions.values()), *(name for _, name in self._norms)])
        read = [
            (self._convolutions[place][0], norm)
            for place, norm in self._norms
            if self._readers[place] == 1 and place in self._convolutions
        ]
        return [(first, second) for first, second in read if used[first] == used[second] == 1]


def _watched(network: nn.Module, in_channels: int) -> _Watch:
    watch, hooks = _Watch(), []
    for name, part in network.named_modules():
        if type(part).__name__ in _PLAIN:
            hooks.append(part.register_forward_hook(partial(watch.gives, name)))
        elif isinstance(part, nn.BatchNorm2d) and part.running_mean is not None:
            hooks.append(part.register_forward_pre_hook(partial(watch.reads, name)))
        elif is_upsampling_block(part):
            hooks.append(part.register_forward_pre_hook(partial(watch.enlarges, name)))
    try:
        with torch.inference_mode(), watch:
            network(torch.zeros(1, in_channels, _SIDE, _SIDE))
    except Exception:  # whatever a network says of an image that is not of its size
        return _Watch()
    finally:
        for hook in hooks:
            hook.remove()
    return watch


def _replace(network: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, part)
