"""Writers by name, made ready before any work starts, and at work beside the predictions."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.plugins import PredictedImage, Writer, registry
from handbone.recipe.schema import Choice

#: Makes a writer for a folder that exists; picklable.
Maker = Callable[[Path], Writer]


def writer_factory(
    name: str, settings: Mapping[str, Any], *, where: str, decide: str = "--set from={package}"
) -> Maker:
    """The registered writer of a name with its settings.

    decide: what a user writes to choose between two packages, see `PluginManager.get`.

    Raises
    ------
    UnknownNameError, HandboneError: an unknown name or setting, or two packages that provide the name.
    """
    choice = Choice(name=name, **settings)
    registry().get("writer", choice, where=where, decide=decide)
    return partial(_make, choice, where, decide)


def _make(choice: Choice, where: str, decide: str, folder: Path) -> Writer:
    spec, settings = registry().get("writer", choice, where=where, decide=decide)
    return spec.build(settings, folder=folder)


def writer_factories(names: Iterable[str], settings: Mapping[str, Any]) -> dict[str, Maker]:
    """The writers that `--write` names, with the settings of each by its name.

    Raises
    ------
    UnknownNameError, HandboneError: as `writer_factory`, or settings of a writer that is not asked for.
    """
    names = list(dict.fromkeys(names))
    for name, values in settings.items():
        if name not in names:
            raise UnknownNameError("writer", name, names, where="--set")
        if not isinstance(values, dict):
            raise HandboneError(
                f"{name!r} has settings, but is not a chosen format", where="--set", remedy=f"write {name}.KEY=VALUE"
            )
    decide = "--set {name}.from={package}"
    return {name: writer_factory(name, settings.get(name, {}), where="--write", decide=decide) for name in names}


def make_parent(folder: Path, image: PredictedImage) -> None:
    """Make the folder, below a writer's own, in which files of an image's stem come to lie."""
    (folder / image.stem).parent.mkdir(parents=True, exist_ok=True)


class Writers:
    """Several writers at work in folders of their names; what one of them cannot write stops neither the others nor
    the predictions.
    """

    def __init__(self, factories: Mapping[str, Maker], folder: Path):
        self._folder = folder
        self._open: dict[str, Writer] = {}
        for name, make in factories.items():
            (folder / name).mkdir()
            self._open[name] = make(folder / name)

    def write(self, image: PredictedImage) -> dict[str, str]:
        """Hand an image to all; gives the names of those that could not write it, with the reason."""
        for name in self._open:
            make_parent(self._folder / name, image)
        return self._each(lambda writer: writer.write(image))

    def close(self) -> dict[str, str]:
        """Finish all; gives the names of those that failed, of which nothing stays."""
        failed = self._each(lambda writer: writer.close())
        for name in failed:
            shutil.rmtree(self._folder / name)
        return failed

    def _each(self, work: Callable[[Writer], None]) -> dict[str, str]:
        failed = {}
        for name, writer in self._open.items():
            try:
                work(writer)
            except HandboneError as error:
                failed[name] = str(error)
        return failed
