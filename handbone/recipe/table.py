"""The base of everything that is read from TOML; in a module of its own, so that plugins need not load the recipe's."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A TOML table: unknown keys are refused and values don't change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class NoSettings(Table):
    """The settings of a thing that has none."""
