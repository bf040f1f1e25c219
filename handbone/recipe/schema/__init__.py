"""The schema of a recipe: every table and key, with its type, limits and default."""

from handbone.recipe.schema.base import Bones, Choice, Count, Off, Positive, Quoted, Share, Size, Table
from handbone.recipe.schema.data import SYNTHETIC, Augment, Data, Split, Synthetic
from handbone.recipe.schema.network import LossTerm, Network, ProgressiveSize, Train
from handbone.recipe.schema.recipe import Coarse, Recipe
from handbone.recipe.schema.results import Evaluate, Predict, Report, ViewName
from handbone.recipe.schema.stages import ExtraRoi, Merge, Prompt, Refine, Roi, Tune

__all__ = [
    "SYNTHETIC",
    "Augment",
    "Bones",
    "Choice",
    "Coarse",
    "Count",
    "Data",
    "Evaluate",
    "ExtraRoi",
    "LossTerm",
    "Merge",
    "Network",
    "Off",
    "Positive",
    "Predict",
    "ProgressiveSize",
    "Prompt",
    "Quoted",
    "Recipe",
    "Refine",
    "Report",
    "Roi",
    "Share",
    "Size",
    "Split",
    "Synthetic",
    "Table",
    "Train",
    "Tune",
    "ViewName",
]
