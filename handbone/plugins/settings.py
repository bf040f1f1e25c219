"""Reads the settings of a component from the keys next to its name, and reports all mistakes at once."""

from typing import Any

from pydantic import ValidationError

from handbone.core.errors import HandboneError, suggest
from handbone.plugins.specs import Spec
from handbone.recipe.table import Table


def read_settings(spec: Spec, values: dict[str, Any], *, where: str | None = None) -> Table:
    """A spec's settings from the keys that a recipe wrote; all mistakes at once.

    Raises
    ------
    HandboneError: an unknown key or a value that is not allowed.
    """
    try:
        return spec.settings.model_validate(values)
    except ValidationError as error:
        mistakes = "; ".join(_sentence(one, spec) for one in error.errors())
        raise HandboneError(f"{spec.kind} {spec.name!r}: {mistakes}", where=where) from None


def _sentence(error: dict, spec: Spec) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown setting {key!r} ({suggest(key, spec.settings.model_fields)})"
    return f"{key} = {error['input']!r}: {error['msg'][:1].lower()}{error['msg'][1:]}"
