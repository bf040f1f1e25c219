"""What the networks of both stages need beside their weights, as it is kept in the weights files' cards."""

from typing import Self

from pydantic import Field

from handbone.method.calibration.gate import Gate
from handbone.method.calibration.presence import Presence
from handbone.recipe import schema


class RefinerSettings(schema.Table):
    """What a refiner needs beside its weights; kept in its weights file's card under the extra key `refiner`."""

    roi: schema.Roi = schema.Roi()
    merge: schema.Merge = schema.Merge()
    bones: schema.Bones = Field(default=("wrist",), description="bones and groups that it returns")
    coarse_channels: bool = Field(default=False, description="it reads the coarse masks as further channels")
    extra_rois: tuple[schema.ExtraRoi, ...] = Field(default=(), description="further ROIs")
    random_rois: bool = Field(default=False, description="it has learned ROIs around any bone")
    gate: Gate | None = Field(default=None, description="chances of degradation, calibrated out of fold")
    flip_safe: bool = Field(
        default=True, description="it knows mirrored ROIs; one that was always shown a right hand errs there"
    )

    @classmethod
    def from_recipe(cls, recipe: schema.Recipe) -> Self:
        """The settings of a recipe; those of a recipe without a refiner are the defaults."""
        refine = recipe.refine or schema.Refine()
        return cls(
            roi=recipe.roi,
            merge=recipe.merge,
            bones=refine.bones,
            coarse_channels=refine.coarse_channels,
            extra_rois=refine.extra_rois,
            random_rois=refine.random_roi_probability > 0,
            flip_safe=refine.augment.flip > 0 or not recipe.roi.mirror,
        )


class CoarseSettings(schema.Table):
    """What a coarse network needs beside its weights; kept in its weights file's card under the extra key `coarse`."""

    find_hand: schema.Size | None = Field(
        default=None,
        description="side of the passes that find the hand; None: it fills the image",
    )
    flip: bool = Field(default=False, description="average with the mirrored image unless told otherwise")
    views: tuple[schema.ViewName, ...] = Field(default=(), description="average these views unless told otherwise")
    presence: Presence | None = Field(default=None, description="how sure a bone has to be")
