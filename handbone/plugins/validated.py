"""Checks of what plugins build, when it is built and when it is first used.

Faults give an error that names the component, its package and version, instead of failing deep inside training.
The checks cost almost nothing.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.plugins.checks import error_text
from handbone.plugins.provider import FirstLoss, FirstOutput, Provider, a_type
from handbone.plugins.specs import Spec
from handbone.plugins.writing import SplitWriter

_PROMPTER = ("size", "mask_size", "encoder_id", "decoder", "points", "embed", "candidates")


def validated(spec: Spec, package: str, version: str) -> Spec:
    """The spec with a `build` that checks what comes out of it."""
    provider = Provider(spec.kind, spec.name, package, version)
    check = _CHECKS[spec.kind]

    @functools.wraps(spec.build)
    def build(*args: Any, **kwargs: Any) -> Any:
        return check(provider, _attempt(provider, "cannot be built", spec.build, *args, **kwargs), kwargs)

    return dataclasses.replace(spec, build=build)


def _attempt(provider: Provider, what: str, function: Callable, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except HandboneError:
        raise
    except (Exception, SystemExit) as error:  # code of others may fail in any way
        raise provider.broken(f"{what} ({error_text(error)})") from error


def _model(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    _check_module(provider, built)
    built.register_forward_hook(FirstOutput(provider, arguments["classes"]))
    return built


def _loss(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    _check_module(provider, built)
    built.register_forward_hook(FirstLoss(provider))
    return built


def _check_module(provider: Provider, built: Any) -> None:
    from torch import nn

    if not isinstance(built, nn.Module):
        raise provider.broken(f"is not a torch.nn.Module, but {a_type(built)}")


def _ensembler(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    from handbone.core.bone_probabilities import BoneProbabilities

    _check_function(provider, built)

    def join(members: Mapping[str, BoneProbabilities]) -> BoneProbabilities:
        joined = _attempt(provider, "failed", built, members)
        size = next(iter(members.values())).size_hw
        if not isinstance(joined, BoneProbabilities):
            raise provider.broken(f"does not return BoneProbabilities, but {a_type(joined)}")
        if joined.size_hw != size:
            raise provider.broken(f"returns an image of size {joined.size_hw} instead of its members' {size}")
        return joined

    return join


def _reader(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    from handbone.core.radiograph import Radiograph

    _check_function(provider, built)

    def read(path: Path, *frame: int) -> Radiograph:
        image = _attempt(provider, f"cannot read {path.name}", built, path, *frame)
        if not isinstance(image, Radiograph):
            raise provider.broken(f"does not return a Radiograph of {path.name}, but {a_type(image)}")
        return image

    return read


def _metric(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    import numpy as np

    from handbone.anatomy import COUNT

    _check_function(provider, built)

    def measure(ground_truth: Any, predicted: Any) -> np.ndarray:
        metrics = _attempt(provider, "failed", built, ground_truth, predicted)
        if not isinstance(metrics, np.ndarray) or metrics.shape != (COUNT,) or metrics.dtype.kind not in "fiu":
            came = f"{metrics.dtype} of {metrics.shape}" if isinstance(metrics, np.ndarray) else a_type(metrics)
            raise provider.broken(f"does not return an array of {COUNT} numbers, one for each bone, but {came}")
        return metrics.astype(np.float64)

    return measure


def _prompter(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    return _check_parts(provider, built, _PROMPTER)


def _writer(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    _check_parts(provider, built, ("write", "close"))
    kind = _ValidatedSplitWriter if isinstance(built, SplitWriter) else _ValidatedWriter
    return kind(provider, built)


@dataclasses.dataclass(frozen=True)
class _ValidatedWriter:
    provider: Provider
    built: Any

    def write(self, image: Any) -> None:
        _attempt(self.provider, f"cannot write {image.name}", self.built.write, image)

    def close(self) -> None:
        _attempt(self.provider, "cannot finish its files", self.built.close)


@dataclasses.dataclass(frozen=True)
class _ValidatedSplitWriter(SplitWriter):
    provider: Provider
    built: SplitWriter

    def part(self, image: Any) -> Any:
        return _attempt(self.provider, f"cannot write {image.name}", self.built.part, image)

    def add(self, part: Any) -> None:
        _attempt(self.provider, "cannot append an image", self.built.add, part)

    def close(self) -> None:
        _attempt(self.provider, "cannot finish its files", self.built.close)


def _scheduler(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    return _check_parts(provider, built, ("step", "state_dict"))


def _optimiser(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    from torch.optim import Optimizer

    if not isinstance(built, Optimizer):
        raise provider.broken(f"is not a torch.optim.Optimizer, but {a_type(built)}")
    return built


def _weights(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    if not isinstance(built, str | Path) or not Path(built).is_dir():
        raise provider.broken(f"are not in a folder: {built!r}")
    return Path(built)


def _command(provider: Provider, built: Any, arguments: Mapping[str, Any]) -> Any:
    _check_function(provider, built)
    return built


def _check_function(provider: Provider, built: Any) -> None:
    if not callable(built):
        raise provider.broken(f"does not build a function, but {a_type(built)}")


def _check_parts(provider: Provider, built: Any, names: tuple[str, ...]) -> Any:
    missing = [name for name in names if not hasattr(built, name)]
    if missing:
        raise provider.broken(f"has no {' and no '.join(repr(name) for name in missing)}")
    return built


_CHECKS: dict[str, Callable[[Provider, Any, Mapping[str, Any]], Any]] = {
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
