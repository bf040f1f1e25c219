"""The built-in prompter by name; nothing here imports torch."""

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from handbone.core.files import expanded
from handbone.plugins import PrompterSpec, hookimpl
from handbone.recipe.schema import Table

if TYPE_CHECKING:
    from handbone.plugins.prompting import Prompter


class SegmentAnythingSettings(Table):
    """Settings of segment-anything."""

    checkpoint: str = Field(
        default="",
        validate_default=True,
        description="a .pth file of vit_b, vit_l or vit_h, relative to the current folder",
    )

    @field_validator("checkpoint")
    @classmethod
    def _exists(cls, value: str) -> str:
        # Found out here, a missing file is named before the networks of a run are trained.
        if not expanded(value).is_file():
            raise ValueError("there is no such file")
        return value


def _build(settings: SegmentAnythingSettings) -> "Prompter":
    from handbone.networks.prompters.sam import load_sam

    return load_sam(settings.checkpoint)


@hookimpl
def handbone_prompters() -> list[PrompterSpec]:
    """segment_anything."""
    return [
        PrompterSpec(
            name="segment_anything",
            summary="Segment Anything (Kirillov et al. 2023): vit_b, vit_l or vit_h",
            settings=SegmentAnythingSettings,
            build=_build,
        )
    ]
