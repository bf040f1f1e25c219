"""Sets of weights that plugins carry."""

from pathlib import Path
from typing import TYPE_CHECKING

from handbone.core.errors import HandboneError
from handbone.weights.card import CARD_FILE

if TYPE_CHECKING:
    from handbone.plugins.provider import Provided

# Folders that were asked for, so that a set is known for a plugin's also by its folder: its name and package.
_asked: "dict[Path, tuple[str, str]]" = {}


def plugged() -> "dict[str, list[Provided]]":
    """The sets of plugins by name; none of their folders is looked at."""
    # Late: importing this module must not load the plugins.
    from handbone.plugins import registry

    return registry().from_plugins("weights")


def folder_of(name: str, found: "list[Provided]", *, own: Path | None) -> Path:
    """The folder of a set by its name.

    Parameters
    ----------
    found: the plugins that provide the name. own: the folder of handbone's set or of a fetched one of that name.

    Raises
    ------
    HandboneError: several packages provide the name, or a plugin's set is not there.
    """
    if len(found) + (own is not None) == 1:
        return own or _built(found[0])
    places = [f"{one.package} ({_built(one)})" for one in found]
    if own is not None:
        places.insert(0, f"handbone ({own})")
    raise HandboneError(
        f"the weights {name!r} are provided by {' and '.join(places)}",
        remedy="give the folder instead of the name, or disable a plugin: handbone plugins disable PACKAGE",
    )


def plugin_of(folder: Path) -> tuple[str, str] | None:
    """The name and the package of the plugin's set that lies in a folder, if `folder_of` found it."""
    return _asked.get(folder.resolve())


def _built(provided: "Provided") -> Path:
    from handbone.plugins.settings import read_settings

    spec = provided.spec
    folder = spec.build(read_settings(spec, {}))
    if not (folder / CARD_FILE).is_file():
        what = f"the weights {spec.name!r} of {provided.package} {provided.version} have no {CARD_FILE} in {folder}"
        raise HandboneError(what, remedy="its authors must create the folder with 'handbone weights pack'")
    _asked[folder.resolve()] = spec.name, provided.package
    return folder
