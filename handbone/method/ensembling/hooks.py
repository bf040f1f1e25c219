"""The built-in ensemblers by name."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from handbone.plugins import EnsemblerSpec, hookimpl
from handbone.recipe.schema import Positive, Share, Table

if TYPE_CHECKING:
    from handbone.core.bone_probabilities import BoneProbabilities


class MeanSettings(Table):
    """Settings of the soft mean."""

    weights: dict[str, Positive] = Field(default_factory=dict, description="member to weight; 1 for the others")


class VoteSettings(MeanSettings):
    """Settings of the vote."""

    at_least: Share = Field(default=0.5, description="share of the weights that has to see bone")


class ClassWiseSettings(Table):
    """Settings of the choice by bone."""

    choices: dict[str, str] = Field(
        default_factory=dict, description='bones or groups to the member that they come from ({ wrist = "b" })'
    )
    otherwise: str | None = Field(default=None, description="member of all other bones; default: the mean of all")


def _build(name: str) -> "Callable[[Any], Callable[[Mapping[str, BoneProbabilities]], BoneProbabilities]]":
    def build(settings: Any) -> "Callable[[Mapping[str, BoneProbabilities]], BoneProbabilities]":
        from functools import partial

        from handbone.method.ensembling import methods

        return partial(getattr(methods, name), **settings.model_dump())

    return build


@hookimpl
def handbone_ensemblers() -> list[EnsemblerSpec]:
    """mean, vote, class_wise."""
    return [
        EnsemblerSpec(
            name="mean", summary="Weighted mean of probabilities", build=_build("soft_mean"), settings=MeanSettings
        ),
        EnsemblerSpec(
            name="vote", summary="Bone where enough members see it", build=_build("vote"), settings=VoteSettings
        ),
        EnsemblerSpec(
            name="class_wise",
            summary="These bones from this member, those from that",
            build=_build("class_wise"),
            settings=ClassWiseSettings,
        ),
    ]
