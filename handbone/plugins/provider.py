"""Who provides a component, the one of several, and checks of what its module returns the first time."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from handbone.core.errors import HandboneError
from handbone.plugins.specs import Spec


@dataclass(frozen=True)
class Provided:
    """A spec and the installed package that it comes from."""

    spec: Spec
    package: str
    version: str


def only(providers: list[Provided], *, where: str | None = None, remedy: str) -> Provided:
    """The one provider of a name.

    Raises
    ------
    HandboneError: two packages provide it.
    """
    if len(providers) > 1:
        spec, packages = providers[0].spec, " and ".join(provided.package for provided in providers)
        raise HandboneError(f"the {spec.kind} {spec.name!r} is provided by {packages}", where=where, remedy=remedy)
    return providers[0]


@dataclass(frozen=True)
class Provider:
    """Who provides it."""

    kind: str
    name: str
    package: str
    version: str

    def broken(self, what: str) -> HandboneError:
        """An error that names the thing and its package."""
        thing = f"the {self.kind} {self.name!r} of {self.package} {self.version}".rstrip()
        return HandboneError(
            f"{thing} {what}", remedy=f"report it to the authors of {self.package}, or use another one"
        )


def a_type(value: Any) -> str:
    """A value's type for a sentence, such as "an int"."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


class _First(ABC):
    """Checks a module's first output; an object, not a closure, because modules are copied and pickled."""

    def __init__(self, provider: Provider):
        self.provider, self.seen = provider, False

    @abstractmethod
    def check(self, given: Any, output: Any) -> None:
        """Complain of what came.

        Raises
        ------
        HandboneError: it breaks the contract.
        """

    def __call__(self, module: Any, inputs: tuple, output: Any) -> None:
        if not self.seen:
            self.seen = True
            self.check(inputs[0] if inputs else None, output)


class FirstOutput(_First):
    """A network's logits: a tensor of the right shape and type."""

    def __init__(self, provider: Provider, classes: int):
        super().__init__(provider)
        self.classes = classes

    def check(self, given: Any, output: Any) -> None:
        from torch import Tensor

        if not isinstance(output, Tensor):
            raise self.provider.broken(f"does not return a tensor of logits, but {a_type(output)}")
        if given is None:
            return
        wanted = (given.shape[0], self.classes, *given.shape[2:])
        if tuple(output.shape) != wanted:
            raise self.provider.broken(f"returns logits of shape {tuple(output.shape)} instead of {wanted}")
        if not output.is_floating_point():
            raise self.provider.broken(f"returns logits of type {output.dtype}, which is not a floating-point type")


class FirstLoss(_First):
    """A loss: a finite scalar with a gradient."""

    def check(self, given: Any, output: Any) -> None:
        from torch import Tensor

        if not isinstance(output, Tensor) or output.ndim:
            came = f"a tensor of the shape {tuple(output.shape)}" if isinstance(output, Tensor) else a_type(output)
            raise self.provider.broken(f"does not return a scalar tensor, but {came}")
        if not output.isfinite():
            raise self.provider.broken(f"returns {output.item()} on its first batch")
        if given is not None and given.requires_grad and not output.requires_grad:
            raise self.provider.broken("returns a value without a gradient")
