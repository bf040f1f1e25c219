"""The method as a list: every step of a run in order, what it reads, and what it leaves at the top of the run.

A key that names a file stands for the file's content, and one that names a plugin's thing for the plugin's version. The
step that asks for a key or an input that it does not name here fails. docs/pages/steps.md shows the list as one table.
"""

import importlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from handbone.recipe.schema import Network, Prompt, Recipe
from handbone.runs.context import DATA, DRAWN, Context
from handbone.runs.step import Step


def _late(module: str, function: str) -> Callable[[Context, Path], None]:
    """A step's work, imported when it is carried out: planning must not wait for torch."""

    def work(context: Context, workdir: Path) -> None:
        getattr(importlib.import_module(f"handbone.runs.steps.{module}"), function)(context, workdir)

    return work


def _refined(recipe: Recipe, synthetic: bool) -> bool:
    return recipe.refine is not None


def _tuning_sizes(prompt: Prompt | None) -> str:
    if prompt is None or prompt.tune is None:
        return ""
    return f"{prompt.prompter.name}, {prompt.tune.rois} ROIs, epochs: {prompt.tune.epochs}"


def _tuned(recipe: Recipe, synthetic: bool) -> bool:
    return recipe.prompt is not None and recipe.prompt.tune is not None


def _calibrated(recipe: Recipe, synthetic: bool) -> bool:
    return (synthetic and recipe.predict.calibrate > 0) or (
        _refined(recipe, synthetic) and recipe.merge.gate != "limits"
    )


def _epochs(network: Network | None) -> int:
    return 0 if network is None else network.train.epochs


def _trained(network: Network | None) -> Network | None:
    return network if _epochs(network) else None


def _shared(network: Network | None) -> bool:
    """Whether a network is trained on more than one device."""
    return network is not None and (network.train.devices, network.train.nodes) != (1, 1)


def _training_size(network: Network) -> str:
    train = network.train
    counts = Counter(train.size_at(epoch, network.size) for epoch in range(train.epochs))
    epochs = ", ".join(f"{count} at {size}" for size, count in counts.items())
    return f"{network.model.name}, epochs: {epochs}"


def _place(table: str) -> tuple[str, ...]:
    """Where a network is trained, which does not change what comes out of it."""
    return tuple(f"{table}.train.{key}" for key in ("workers", "devices", "nodes", "strategy", "loggers"))


# On which devices the mask decoder is tuned, too.
_DEVICES = tuple(f"coarse.train.{key}" for key in ("devices", "nodes", "strategy"))
# What an ROI is placed by; `roi.jitter` is how much it is moved in trainings.
_PLACEMENT = tuple(
    f"roi.{key}"
    for key in ("anchors", "size_px", "normal_mc3_length_px", "turn", "mirror", "rescale", "fallback_scale")
)
# What says of the refiner how it is used; it goes into the card of its weights.
_REFINER_USE = tuple(
    f"refine.{key}" for key in ("bones", "coarse_channels", "extra_rois", "random_roi_probability", "augment.flip")
)
_METHOD = ("data.invert", "predict", "merge", "prompt", "roi", *_REFINER_USE)

WEIGHTS = (
    "weights/coarse.safetensors",
    "weights/refiner.safetensors",
    "weights/prompter.safetensors",
    "weights/prior.safetensors",
)

STEPS: tuple[Step, ...] = (
    Step(
        name=DRAWN,
        summary="Draw synthetic radiographs",
        work=_late("prepare", "draw_synthetic_hands"),
        reads=("synthetic",),
        sizes=lambda r: f"{r.synthetic.train} + {r.synthetic.test} of {r.synthetic.size} x {r.synthetic.size}",
        needed=lambda recipe, synthetic: synthetic,
    ),
    Step(
        name="images",
        summary="Read images, divide patients",
        work=_late("prepare", "read_images"),
        reads=("split",),
        inputs=(DATA,),
        sizes=lambda r: f"fold {r.split.fold} of {r.split.folds}",
    ),
    Step(
        name="coarse",
        summary="Train the coarse network",
        work=_late("train", "train_coarse"),
        reads=("seed", "coarse"),
        ignores=_place("coarse"),
        inputs=(DATA, "images"),
        sizes=lambda r: _training_size(r.coarse),
        trains=lambda r: _trained(r.coarse),
        shared=lambda r: _shared(r.coarse),
        needed=lambda recipe, synthetic: _epochs(recipe.coarse) > 0,
    ),
    Step(
        name="coarse",
        summary="Take the coarse network's weights",
        work=_late("train", "take_coarse"),
        reads=("coarse.size", "coarse.model", "coarse.weights"),
        sizes=lambda r: f"{r.coarse.model.name}, weights as they are",
        needed=lambda recipe, synthetic: _epochs(recipe.coarse) == 0,
    ),
    Step(
        name="frames",
        summary="Find wrists in coarse masks",
        work=_late("train", "find_frames"),
        reads=(
            *_PLACEMENT,
            *("refine.size", "refine.bones", "refine.coarse_channels", "coarse.size"),
            *("predict.threshold", "predict.find_hand", "predict.precision"),
        ),
        inputs=(DATA, "images", "coarse"),
        sizes=lambda r: f"ROI {r.roi.size_px:g} px",
        needed=_refined,
    ),
    Step(
        name="refiner",
        summary="Train the refiner",
        work=_late("train", "train_refiner"),
        reads=("seed", "refine", "roi"),
        ignores=_place("refine"),
        inputs=(DATA, "images", "coarse", "frames"),
        sizes=lambda r: _training_size(r.refine) if r.refine else "",
        trains=lambda r: _trained(r.refine),
        shared=lambda r: _shared(r.refine),
        needed=lambda recipe, synthetic: _epochs(recipe.refine) > 0,
    ),
    Step(
        name="refiner",
        summary="Take the refiner's weights",
        work=_late("train", "take_refiner"),
        reads=("refine.size", "refine.model", "refine.weights", "refine.coarse_channels"),
        inputs=("coarse",),
        sizes=lambda r: f"{r.refine.model.name}, weights as they are" if r.refine else "",
        needed=lambda recipe, synthetic: _refined(recipe, synthetic) and _epochs(recipe.refine) == 0,
    ),
    Step(
        name="prompter",
        summary="Tune the prompted network",
        work=_late("prompter", "tune_prompter"),
        reads=("seed", "prompt", "roi", "refine.bones", *_DEVICES),
        ignores=_DEVICES,
        inputs=(DATA, "images", "frames"),
        sizes=lambda r: _tuning_sizes(r.prompt),
        shared=lambda r: _shared(r.coarse),
        needed=_tuned,
        # 2: trained by the engine of all trainings.
        revision=2,
    ),
    Step(
        name="calibration",
        summary="Learn which masks to believe",
        work=_late("calibrate", "calibrate_method"),
        reads=(*_METHOD, "synthetic.size", "synthetic.seed", "synthetic.variety"),
        inputs=(DATA, "images", "coarse", "refiner", "prompter"),
        sizes=lambda r: f"{r.predict.calibrate} synthetic hands" if r.predict.calibrate else "validation images",
        needed=_calibrated,
        # 2: synthetic hands to calibrate with have looks that no training shows. 3: nested folds decide what is
        # learned.
        revision=3,
    ),
    Step(
        name="predictions",
        summary="Predict, refine and merge",
        work=_late("predict", "predict_images"),
        reads=_METHOD,
        inputs=(DATA, "images", "coarse", "refiner", "prompter", "calibration"),
        publishes=tuple((file, file) for file in ("predictions.csv", *WEIGHTS)),
    ),
    Step(
        name="evaluation",
        summary="Compare with the labels",
        work=_late("evaluate", "evaluate"),
        reads=("evaluate", "predict.threshold"),
        inputs=(DATA, "images", "predictions"),
        publishes=(("metrics.csv", "metrics.csv"), ("summary.csv", "summary.csv")),
    ),
    Step(
        name="report",
        summary="Write the report",
        work=_late("evaluate", "write_page"),
        # The page shows the recipe, and how long the other steps took.
        reads=tuple(Recipe.model_fields),
        inputs=(
            *(DATA, "images", "coarse", "frames", "refiner", "prompter", "calibration", "predictions", "evaluation"),
        ),
        publishes=(("report.html", "report.html"),),
    ),
)
