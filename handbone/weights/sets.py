"""Sets of trained weights and where they lie: in the package, in the user's cache when fetched, or in a plugin."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from handbone.core.digests import cache_root
from handbone.core.errors import HandboneError, UnknownNameError, suggest
from handbone.core.files import expanded, sha256_of
from handbone.weights.card import CARD_FILE, STAGE_FILES, SetCard, is_name, read_set_card
from handbone.weights.plugged import folder_of, plugged, plugin_of

#: The set that is used where no other is named.
DEFAULT = "zero_shot"

SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class WeightsSet:
    """A coarse network's weights, a refiner's where there is one, and their card.

    Parameters
    ----------
    name: what recipes and commands call it.
    folder: where its files lie.
    origin: "shipped" with handbone, "fetched" into the user's cache, of a "plugin", or any other "folder".
    card: what it says of itself.
    package: the plugin's.
    """

    name: str
    folder: Path
    origin: Literal["shipped", "fetched", "plugin", "folder"]
    card: SetCard
    package: str | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Stage ("coarse", "refiner") to weights file."""
        return {stage: self.folder / name for stage, name in STAGE_FILES.items() if name in self.card.files}

    @property
    def summary(self) -> str:
        """One line for users."""
        return self.card.summary

    @property
    def metrics(self) -> dict[str, Any]:
        """Measured quality, name to number or to extra metrics."""
        return self.card.metrics

    @property
    def licence(self) -> str:
        """SPDX identifier of the weights' licence."""
        return self.card.licence

    @property
    def size_bytes(self) -> int:
        """Size of all its weights files."""
        return sum(facts.bytes for facts in self.card.files.values())

    def verify(self) -> None:
        """Compare every weights file with the card.

        Raises
        ------
        HandboneError: a file is missing, is not the one that the card describes, or is not in the card.
        """
        remedy = {
            "shipped": "reinstall handbone",
            "fetched": f"fetch it again: handbone weights fetch SOURCE --sha256 HEX --name {self.name} --overwrite",
            "plugin": f"install {self.package} again",
            "folder": "copy the set anew from where it came, or pack it again",
        }[self.origin]
        for name, facts in self.card.files.items():
            path = self.folder / name
            if not path.is_file():
                raise HandboneError("is missing", where=path, remedy=remedy)
            if (digest := sha256_of(path)) != facts.sha256:
                what = f"is not the file that {CARD_FILE} describes: its sha256 is {digest}, not {facts.sha256}"
                raise HandboneError(what, where=path, remedy=remedy)
        for path in sorted(self.folder.glob("*.safetensors")):
            if path.name not in self.card.files:
                raise HandboneError(f"is not in the set's {CARD_FILE}", where=path, remedy=remedy)


def fetched_root() -> Path:
    """The folder of fetched sets: below what the variable HANDBONE_CACHE says, else in the user's cache folder."""
    return cache_root() / "weights"


def _folders() -> dict[str, Path]:
    """Every set's folder by name; what is shipped goes before what was fetched under the same name."""
    found = {}
    for root in (fetched_root(), SHIPPED):
        for card in root.glob(f"*/{CARD_FILE}"):
            if is_name(card.parent.name):
                found[card.parent.name] = card.parent
    return dict(sorted(found.items()))


def names() -> list[str]:
    """The names of all sets, damaged ones among them; nothing but file names is read, and what plugins say."""
    return sorted({*_folders(), *plugged()})


def known() -> list[WeightsSet]:
    """Every set whose card can be read, by name; `find` says what is wrong with the others. Reads no tensors."""
    found = []
    for name in names():
        with contextlib.suppress(HandboneError):
            found.append(find(name))
    return found


def find(name: str) -> WeightsSet:
    """The set of a name.

    Raises
    ------
    UnknownNameError: there is none; the nearest name is suggested.
    HandboneError: its card cannot be read, or two packages have a set of that name.
    """
    folder = _find_folder(name)
    if folder is None:
        raise UnknownNameError("weights", name, names())
    return read_set(folder)


def _find_folder(name: str) -> Path | None:
    own, found = _folders().get(name), plugged().get(name, [])
    return folder_of(name, found, own=own) if found or own else None


def read_set(folder: str | Path) -> WeightsSet:
    """The set that lies in a folder, wherever that is; its files are not checked, see `WeightsSet.verify`.

    Raises
    ------
    HandboneError: no card there, or one that cannot be read.
    """
    folder = Path(folder)
    card = read_set_card(folder)
    own: tuple[tuple[Literal["shipped", "fetched"], Path], ...] = (("shipped", SHIPPED), ("fetched", fetched_root()))
    for origin, root in own:
        if folder.resolve().parent == root.resolve():
            return WeightsSet(folder.name, folder, origin, card)
    if plugin := plugin_of(folder):
        return WeightsSet(plugin[0], folder, "plugin", card, plugin[1])
    return WeightsSet(card.name, folder, "folder", card)


def resolve(name_or_path: str | Path) -> Path:
    """What a user named: a file or folder that exists goes before a set of that name, whose folder is given.

    Raises
    ------
    HandboneError: neither a path nor a name, or the name of two packages' sets.
    """
    path = expanded(name_or_path)
    if os.path.exists(path):  # no error either where the name is too long for a file
        return path
    name = str(name_or_path)
    if folder := _find_folder(name):
        return folder
    known_names = names()
    what_else = "give a run folder, a weights file, or a name that 'handbone weights list' shows"
    raise HandboneError(
        "no such file or folder, and no weights of that name",
        where=name,
        remedy=f"{suggest(name, known_names)} (or {what_else})" if known_names else what_else,
    )
