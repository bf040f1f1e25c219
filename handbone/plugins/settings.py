"""Reads the settings of a component from the keys next to its name, and reports all mistakes at once."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from handbone.core.errors import HandboneError, suggest
from handbone.plugins.specs import Spec
from handbone.recipe.table import NoSettings, Table


def read_settings(spec: Spec, values: dict[str, Any], *, where: str | None = None) -> Table:
    """A spec's settings from the keys that a recipe wrote; all mistakes at once.

    Raises
    ------
    HandboneError: an unknown key or a value that is not allowed.
    """
    model = spec.settings or NoSettings
    try:
        return model.model_validate(values)
    except ValidationError as error:
        mistakes = "; ".join(_sentence(one, model) for one in error.errors())
        raise HandboneError(f"{spec.kind} {spec.name!r}: {mistakes}", where=where) from None


def _sentence(error: Mapping[str, Any], model: type[Table]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown setting {key!r} ({suggest(key, model.model_fields)})"
    return f"{key} = {error['input']!r}: {error['msg'][:1].lower()}{error['msg'][1:]}"
