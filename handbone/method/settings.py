"""What the networks of both stages need beside their weights, as it is kept in the weights files' cards."""

from typing import Self

from pydantic import Field

from handbone.method.calibration.gate import Gate
from handbone.method.calibration.presence import Presence
from handbone.recipe import schema


class RefinerSettings(schema.Table):
    """What a refiner needs beside its weights; kept in its weights file's card under the extra key `refiner`."""

    crop: schema.Crop = schema.Crop()
    merge: schema.Merge = schema.Merge()
    bones: schema.Bones = Field(default=("wrist",), description="bones and groups that it returns")
    coarse_channels: bool = Field(default=False, description="it reads the coarse masks as further channels")
    regions: tuple[schema.Region, ...] = Field(default=(), description="further windows")
    roams: bool = Field(default=False, description="it has learned windows around any bone")
    gate: Gate | None = Field(default=None, description="chances of harm, calibrated out of fold")
    either_side: bool = Field(
        default=True, description="it knows mirrored windows; one that was always shown a right hand errs there"
    )

    @classmethod
    def from_recipe(cls, recipe: schema.Recipe) -> Self:
        """The settings of a recipe; those of a recipe without a refiner are the defaults."""
        refine = recipe.refine or schema.Refine()
        return cls(
            crop=recipe.crop,
            merge=recipe.merge,
            bones=refine.bones,
            coarse_channels=refine.coarse_channels,
            regions=refine.regions,
            roams=refine.roam > 0,
            either_side=refine.augment.flip > 0 or not recipe.crop.mirror,
        )


class CoarseSettings(schema.Table):
    """What a coarse network needs beside its weights; kept in its weights file's card under the extra key `coarse`."""

    find_hand: schema.Size | None = Field(
        default=None,
        description="side of the looks that find the hand; None: it fills the picture",
    )
    flip: bool = Field(default=False, description="average with the mirrored picture unless told otherwise")
    views: tuple[schema.ViewName, ...] = Field(default=(), description="average these views unless told otherwise")
    presence: Presence | None = Field(default=None, description="how sure a bone has to be")
