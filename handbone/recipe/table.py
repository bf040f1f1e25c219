"""The base class of TOML tables, in a module of its own so that plugins need not load the whole schema."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A TOML table that rejects unknown keys and is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class NoSettings(Table):
    """The settings of a component without settings."""
