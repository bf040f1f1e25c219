"""Which package the network of a weights file comes from, and what to do where that package is not there."""

from pathlib import Path

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.plugins import registry
from handbone.plugins.disabled import plain
from handbone.plugins.manager import BUILTIN
from handbone.recipe.schema import Choice, Table


class WeightsOrigin(Table):
    """The plugin that provides a network: its package and the version with which the weights were made."""

    package: str
    version: str


def origin_of(kind: str, model: Choice) -> WeightsOrigin | None:
    """Who provides a "model" or "prompter"; None where that is handbone itself, or where nothing has the name."""
    try:
        provided = registry().provider(kind, model)
    except HandboneError:
        return None
    return None if provided.package == BUILTIN else WeightsOrigin(package=provided.package, version=provided.version)


def as_made(kind: str, model: Choice, origin: WeightsOrigin | None, *, where: str | Path) -> Choice:
    """The choice that gives the network with which weights were made, also where another package has its name now.

    Raises
    ------
    HandboneError: the plugin that they need is not installed, is disabled or broken, or has no such network any more.
    """
    plugins = registry()
    packages = [provided.package for provided in plugins.provided(kind) if provided.spec.name == model.name]
    if origin is None:
        return model if model.provider or BUILTIN not in packages else _of(model, BUILTIN)
    needs = f"the {kind} {model.name!r} comes from {origin.package} {origin.version}"
    if reason := plugins.why_absent(origin.package):
        what, remedy = reason
        raise HandboneError(f"{needs}, but {what}", where=where, remedy=remedy)
    chosen = _of(model, origin.package)
    try:
        plugins.provider(kind, chosen)
    except UnknownNameError:
        version = next(v for name, v in plugins.loaded.items() if plain(name) == plain(origin.package))
        remedy = f"pip install {origin.package}=={origin.version}"
        raise HandboneError(
            f"{needs}, but its version {version} does not provide it", where=where, remedy=remedy
        ) from None
    return chosen


def _of(model: Choice, package: str) -> Choice:
    return model.model_copy(update={"provider": package})
