"""Registers what the plugin provides. Heavy packages are imported only when something is built, never here."""

from typing import Any

from handbone.plugins import CommandSpec, EnsemblerSpec, LossSpec, ModelSpec, Table, hookimpl
from pydantic import Field

# The version of handbone's hooks for which this plugin was written.
HANDBONE_API = 1


class UNetSettings(Table):
    """Settings of the compact U-Net."""

    width: int = Field(default=16, ge=1, description="channels at full size; doubled at each smaller scale")
    depth: int = Field(default=4, ge=1, le=5, description="number of times the size is halved")


class FocalTverskySettings(Table):
    """Settings of the focal Tversky loss."""

    alpha: float = Field(default=0.3, ge=0, description="weight of false positive pixels")
    beta: float = Field(default=0.7, ge=0, description="weight of false negative pixels")
    gamma: float = Field(default=1.33, ge=1, description="above 1, poorly segmented bones get more weight")


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
            summary="Focal Tversky, with more weight on small and poorly segmented bones",
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
