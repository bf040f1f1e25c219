"""What plugins build is held to what its spec promises, when it is built and when it is first used.

An error of ours that names the thing, its package and version comes where otherwise a network of the wrong shape would
fail deep inside a training. Each check costs next to nothing.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.plugins.specs import Spec

_PROMPTER = ("size", "mask_size", "encoder_id", "decoder", "points", "embed", "candidates")


@dataclasses.dataclass(frozen=True)
class Maker:
    """Whose promise it is."""

    kind: str
    name: str
    package: str
    version: str

    def broken(self, what: str) -> HandboneError:
        """An error that names the thing and its package."""
        thing = f"the {self.kind} {self.name!r} of {self.package} {self.version}".rstrip()
        return HandboneError(f"{thing} {what}", remedy=f"tell the authors of {self.package}, or use another")


def kept(spec: Spec, package: str, version: str) -> Spec:
    """The spec with a `build` that checks what comes out of it."""
    maker = Maker(spec.kind, spec.name, package, version)
    check = _CHECKS[spec.kind]

    @functools.wraps(spec.build)
    def build(*args: Any, **kwargs: Any) -> Any:
        return check(maker, _attempt(maker, "cannot be built", spec.build, *args, **kwargs), kwargs)

    return dataclasses.replace(spec, build=build)


def _attempt(maker: Maker, what: str, function: Callable, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except HandboneError:
        raise
    except (Exception, SystemExit) as error:  # code of others may fail in any way
        raise maker.broken(f"{what} ({type(error).__name__}: {error})") from error


def _model(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    _check_module(maker, built)
    built.register_forward_hook(_FirstOutput(maker, arguments["classes"]))
    return built


def _loss(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    _check_module(maker, built)
    built.register_forward_hook(_FirstLoss(maker))
    return built


def _check_module(maker: Maker, built: Any) -> None:
    from torch import nn

    if not isinstance(built, nn.Module):
        raise maker.broken(f"is no torch.nn.Module, but {_a(built)}")


class _First:
    """Looks at what a module first gives; an object and no closure, because modules are copied and pickled."""

    def __init__(self, maker: Maker):
        self.maker, self.seen = maker, False

    def __call__(self, module: Any, inputs: tuple, output: Any) -> None:
        if not self.seen:
            self.seen = True
            self.look(inputs[0] if inputs else None, output)


class _FirstOutput(_First):
    def __init__(self, maker: Maker, classes: int):
        super().__init__(maker)
        self.classes = classes

    def look(self, given: Any, output: Any) -> None:
        from torch import Tensor

        if not isinstance(output, Tensor):
            raise self.maker.broken(f"gives no tensor of logits, but {_a(output)}")
        if given is None:
            return
        wanted = (given.shape[0], self.classes, *given.shape[2:])
        if tuple(output.shape) != wanted:
            raise self.maker.broken(f"gives logits of the shape {tuple(output.shape)} where {wanted} is needed")
        if not output.is_floating_point():
            raise self.maker.broken(f"gives logits of the type {output.dtype}, which are no floats")


class _FirstLoss(_First):
    def look(self, given: Any, output: Any) -> None:
        from torch import Tensor

        if not isinstance(output, Tensor) or output.ndim:
            came = f"a tensor of the shape {tuple(output.shape)}" if isinstance(output, Tensor) else _a(output)
            raise self.maker.broken(f"gives no scalar tensor, but {came}")
        if not output.isfinite():
            raise self.maker.broken(f"gives {output.item()} on its first batch")
        if given is not None and given.requires_grad and not output.requires_grad:
            raise self.maker.broken("gives a value without a gradient")


def _ensembler(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    from handbone.core.bone_probabilities import BoneProbabilities

    _check_function(maker, built)

    def join(members: Mapping[str, BoneProbabilities]) -> BoneProbabilities:
        joined = _attempt(maker, "failed", built, members)
        size = next(iter(members.values())).size_hw
        if not isinstance(joined, BoneProbabilities):
            raise maker.broken(f"gives no BoneProbabilities, but {_a(joined)}")
        if joined.size_hw != size:
            raise maker.broken(f"gives a picture of {joined.size_hw} where its members have {size}")
        return joined

    return join


def _reader(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    from handbone.core.radiograph import Radiograph

    _check_function(maker, built)

    def read(path: Path, *frame: int) -> Radiograph:
        picture = _attempt(maker, f"cannot read {path.name}", built, path, *frame)
        if not isinstance(picture, Radiograph):
            raise maker.broken(f"gives no Radiograph of {path.name}, but {_a(picture)}")
        return picture

    return read


def _metric(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    import numpy as np

    from handbone.anatomy import COUNT

    _check_function(maker, built)

    def measure(truth: Any, predicted: Any) -> np.ndarray:
        figures = _attempt(maker, "failed", built, truth, predicted)
        if not isinstance(figures, np.ndarray) or figures.shape != (COUNT,) or figures.dtype.kind not in "fiu":
            came = f"{figures.dtype} of {figures.shape}" if isinstance(figures, np.ndarray) else _a(figures)
            raise maker.broken(f"gives no array of {COUNT} numbers, one a bone, but {came}")
        return figures.astype(np.float64)

    return measure


def _prompter(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    return _check_parts(maker, built, _PROMPTER)


def _writer(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    return _KeptWriter(maker, _check_parts(maker, built, ("write", "close")))


@dataclasses.dataclass(frozen=True)
class _KeptWriter:
    maker: Maker
    built: Any

    def write(self, picture: Any) -> None:
        _attempt(self.maker, f"cannot write {picture.name}", self.built.write, picture)

    def close(self) -> None:
        _attempt(self.maker, "cannot finish its files", self.built.close)


def _scheduler(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    return _check_parts(maker, built, ("step", "state_dict"))


def _optimiser(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    from torch.optim import Optimizer

    if not isinstance(built, Optimizer):
        raise maker.broken(f"is no torch.optim.Optimizer, but {_a(built)}")
    return built


def _weights(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    if not isinstance(built, str | Path) or not Path(built).is_dir():
        raise maker.broken(f"lie in no folder: {built!r}")
    return Path(built)


def _command(maker: Maker, built: Any, arguments: Mapping[str, Any]) -> Any:
    _check_function(maker, built)
    return built


def _check_function(maker: Maker, built: Any) -> None:
    if not callable(built):
        raise maker.broken(f"builds no function, but {_a(built)}")


def _check_parts(maker: Maker, built: Any, names: tuple[str, ...]) -> Any:
    missing = [name for name in names if not hasattr(built, name)]
    if missing:
        raise maker.broken(f"has no {' and no '.join(repr(name) for name in missing)}")
    return built


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


_CHECKS: dict[str, Callable[[Maker, Any, Mapping[str, Any]], Any]] = {
    "model": _model,
    "loss": _loss,
    "optimiser": _optimiser,
    "scheduler": _scheduler,
    "ensembler": _ensembler,
    "prompter": _prompter,
    "reader": _reader,
    "writer": _writer,
    "weights": _weights,
    "metric": _metric,
    "command": _command,
}
