"""What a recipe may say: every table and key, with its type, its limits and its default."""

from handbone.recipe.schema.base import Bones, Choice, Count, Off, Positive, Quoted, Share, Size, Table
from handbone.recipe.schema.data import PHANTOM, Augment, Data, Phantom, Split
from handbone.recipe.schema.network import LossTerm, Network, Rise, Train
from handbone.recipe.schema.recipe import Coarse, Recipe
from handbone.recipe.schema.results import Evaluate, Predict, Report, ViewName
from handbone.recipe.schema.stages import Crop, Merge, Prompt, Refine, Region, Tune

__all__ = [
    "PHANTOM",
    "Augment",
    "Bones",
    "Choice",
    "Coarse",
    "Count",
    "Crop",
    "Data",
    "Evaluate",
    "LossTerm",
    "Merge",
    "Network",
    "Off",
    "Phantom",
    "Positive",
    "Predict",
    "Prompt",
    "Quoted",
    "Recipe",
    "Refine",
    "Region",
    "Report",
    "Rise",
    "Share",
    "Size",
    "Split",
    "Table",
    "Train",
    "Tune",
    "ViewName",
]
