"""What all tables of a recipe share: strict validation, common value types, and choices by name."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from handbone import anatomy
from handbone.core.errors import UnknownNameError
from handbone.recipe.table import Table

Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[int, Field(ge=32, le=4096, multiple_of=32)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
# As large as every generator of random numbers takes.
Seed = Annotated[int, Field(ge=0, le=4_294_967_295)]
Bones = Annotated[tuple[str, ...], Field(min_length=1)]
# TOML has no null: `gradient_clip_norm = false` turns off what a default or an extended recipe turned on.
Off = BeforeValidator(lambda value: None if value is False else value)
# Users easily forget the quotes around a number.
Quoted = BeforeValidator(lambda value: str(value) if type(value) is int else value)


class Choice(Table):
    """A component chosen by name, with its settings as extra keys (`{ name = "unet", encoder = "resnet34" }`)."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    name: str = Field(description="name of the component")
    provider: str | None = Field(default=None, alias="from", description="the package that provides it, if several do")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def settings(self) -> dict[str, Any]:
        """The keys other than `name` and `from`, for the chosen component's own settings model."""
        return dict(self.model_extra or {})


def known_groups(value: tuple[str, ...]) -> tuple[str, ...]:
    """The names of bones and groups, unchanged; ValueError, as pydantic expects, for an unknown name."""
    try:
        anatomy.select(value)
    except UnknownNameError as error:
        raise ValueError(str(error)) from None
    return value
