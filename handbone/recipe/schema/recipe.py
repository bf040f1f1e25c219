"""The whole recipe."""

from typing import Annotated

from pydantic import Field, model_validator

from handbone.recipe.schema.base import Off, Seed, Table
from handbone.recipe.schema.data import Data, Split, Synthetic
from handbone.recipe.schema.network import Network
from handbone.recipe.schema.results import Evaluate, Predict, Report
from handbone.recipe.schema.stages import Merge, Prompt, Refine, Roi


class Coarse(Network):
    """The network that reads the whole image."""


class Recipe(Table):
    """All settings of a run."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        description="name of the run's folder, runs/NAME; default: the file's name",
    )
    summary: str = Field(default="", description="one-line description for `handbone recipes list`")
    seed: Seed = Field(default=7, description="random seed for everything without a seed of its own")
    data: Data = Data()
    synthetic: Synthetic = Synthetic()
    split: Split = Split()
    coarse: Coarse = Coarse()
    roi: Roi = Roi()
    refine: Annotated[Refine | None, Off] = Field(default=Refine(), description="the second stage; false leaves it out")
    merge: Merge = Merge()
    prompt: Annotated[Prompt | None, Off] = Field(
        default=None, description="the optional third stage: segment-anything, prompted with the masks so far"
    )
    predict: Predict = Predict()
    evaluate: Evaluate = Evaluate()
    report: Report = Report()

    @model_validator(mode="after")
    def _streams_have_no_coarse_masks(self) -> "Recipe":
        refine = self.refine
        if self.synthetic.stream and refine is not None and refine.coarse_channels and refine.train.epochs > 0:
            raise ValueError(
                "refine.coarse_channels needs coarse masks of all training images in advance, but synthetic.stream "
                "draws these images during training; turn one of them off"
            )
        return self
