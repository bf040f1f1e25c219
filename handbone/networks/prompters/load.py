"""Finds a prompter by its registered name or by the path of a checkpoint."""

import os
from typing import Any

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.files import expanded
from handbone.plugins import Prompter, PrompterSpec, registry
from handbone.recipe.schema import Choice

# Prompters of our own that are installed apart, by the package that brings them.
_PACKAGES = {"litemedsam": "handbone-medsam"}
_CHECKPOINTS = (".pth", ".pt")


def find_prompter(choice: Choice, *, where: str | None = None) -> tuple[PrompterSpec, Any]:
    """The spec that a choice names and its checked settings; builds nothing.

    Raises
    ------
    HandboneError: an unknown name, where known with the package to install, or a wrong setting.
    """
    try:
        return registry().get("prompter", choice, where=where)
    except UnknownNameError:
        if choice.name in _PACKAGES:
            remedy = f"pip install {_PACKAGES[choice.name]} (in a clone: pip install plugins/{_PACKAGES[choice.name]})"
            what = f"the prompter {choice.name!r} is not installed"
            raise HandboneError(what, where=where, remedy=remedy) from None
        raise


def build_prompter(choice: Choice, *, where: str | None = None) -> Prompter:
    """The prompter that a recipe or a weights file names.

    Raises
    ------
    HandboneError: as `find_prompter`, or a checkpoint that cannot be read.
    """
    spec, settings = find_prompter(choice, where=where)
    return spec.build(settings)


def choose(name_or_checkpoint: str) -> Choice:
    """A registered prompter's name ("litemedsam") or a checkpoint's path as recipes write it.

    Raises
    ------
    HandboneError: neither.
    """
    path = expanded(name_or_checkpoint)
    if os.path.isfile(path):
        return Choice.model_validate({"name": "segment_anything", "checkpoint": str(path)})
    if path.suffix in _CHECKPOINTS or len(path.parts) > 1:
        remedy = "download sam_vit_b_01ec64.pth (or vit_l, vit_h) from segment-anything's page and give its path"
        raise HandboneError("there is no such checkpoint", where=name_or_checkpoint, remedy=remedy)
    return Choice(name=name_or_checkpoint)


def load_prompter(name_or_checkpoint: str) -> tuple[PrompterSpec, Prompter]:
    """The spec and the ready network of a registered prompter or of a checkpoint of segment-anything.

    Raises
    ------
    HandboneError: neither a name nor a checkpoint, a plugin that is not installed, or a file that cannot be read.
    """
    spec, settings = find_prompter(choose(name_or_checkpoint))
    return spec, spec.build(settings)
