"""What the plugin brings, by name. Heavy packages are imported when a thing is built, never here."""

from typing import Any

from handbone.plugins import CommandSpec, EnsemblerSpec, LossSpec, ModelSpec, Table, hookimpl
from pydantic import Field

# The version of handbone's hooks that this plugin was written for.
HANDBONE_API = 1


class UNetSettings(Table):
    """Settings of the compact U-Net."""

    width: int = Field(default=16, ge=1, description="channels at full size; doubled at each of the next scales")
    depth: int = Field(default=4, ge=1, le=5, description="how often the size is halved")


class FocalTverskySettings(Table):
    """Settings of the focal Tversky loss."""

    alpha: float = Field(default=0.3, ge=0, description="price of a false positive pixel")
    beta: float = Field(default=0.7, ge=0, description="price of a false negative pixel")
    gamma: float = Field(default=1.33, ge=1, description="above 1, bones that are found poorly count more")


def _build_unet(settings: UNetSettings, *, in_channels: int, classes: int):
    from handbone_example.model import CompactUNet

    return CompactUNet(in_channels, classes, **settings.model_dump())


def _build_focal_tversky(settings: FocalTverskySettings):
    from handbone_example.loss import FocalTversky

    return FocalTversky(**settings.model_dump())


def _build_median(settings: Any):
    from handbone_example.ensembler import median

    return median


def _build_areas():
    from handbone_example.command import areas

    return areas


@hookimpl
def handbone_models() -> list[ModelSpec]:
    """A compact U-Net."""
    return [
        ModelSpec(
            name="example_unet",
            summary="A compact U-Net without pretrained weights",
            settings=UNetSettings,
            build=_build_unet,
        )
    ]


@hookimpl
def handbone_losses() -> list[LossSpec]:
    """The focal Tversky loss."""
    return [
        LossSpec(
            name="example_focal_tversky",
            summary="Focal Tversky: small and poorly found bones count more",
            settings=FocalTverskySettings,
            build=_build_focal_tversky,
        )
    ]


@hookimpl
def handbone_ensemblers() -> list[EnsemblerSpec]:
    """The median."""
    return [
        EnsemblerSpec(
            name="example_median",
            summary="Median of the members' probabilities",
            build=_build_median,
        )
    ]


@hookimpl
def handbone_commands() -> list[CommandSpec]:
    """Areas of bones."""
    return [
        CommandSpec(
            name="example-areas",
            summary="Show the areas of bones in a predictions.csv",
            build=_build_areas,
        )
    ]
