"""What all tables of a recipe share: strict reading, the types of their values, and things chosen by name."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from handbone import anatomy
from handbone.core.errors import UnknownNameError
from handbone.recipe.table import Table

Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[int, Field(ge=32, le=4096, multiple_of=32)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Bones = Annotated[tuple[str, ...], Field(min_length=1)]
# TOML has no null: `gradient_clip_norm = false` switches off what a default or an extended recipe has switched on.
Off = BeforeValidator(lambda value: None if value is False else value)
# Quotes around a number are easily forgotten.
Quoted = BeforeValidator(lambda value: str(value) if type(value) is int else value)


class Choice(Table):
    """A registered thing by name, with its own settings as further keys (`{ name = "unet", encoder = "resnet34" }`)."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    name: str = Field(description="what is chosen")
    provider: str | None = Field(default=None, alias="from", description="the package that provides it, where two do")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def settings(self) -> dict[str, Any]:
        """The keys beside `name` and `from`, for the chosen thing's own settings model."""
        return dict(self.model_extra or {})


def known_groups(value: tuple[str, ...]) -> tuple[str, ...]:
    """The same names of bones and groups; ValueError, as pydantic wants it, for one that does not exist."""
    try:
        anatomy.select(value)
    except UnknownNameError as error:
        raise ValueError(str(error)) from None
    return value
