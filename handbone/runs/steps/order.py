"""The method as a list: every step of a run in order, what it depends on, and what it leaves at the top of the run."""

from collections import Counter

from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of
from handbone.recipe.schema import Network, Recipe, Synthetic
from handbone.runs.context import Context, Step
from handbone.weights import resolve

__all__ = ["STEPS", "Context", "Step"]


def _late(module: str, function: str):
    """A step's work, imported when it is carried out: planning must not wait for torch."""

    def work(context: Context, workdir) -> None:
        import importlib

        getattr(importlib.import_module(f"handbone.runs.steps.{module}"), function)(context, workdir)

    return work


def _refined(recipe: Recipe, synthetic: bool) -> bool:
    return recipe.refine is not None


def _synthetic(recipe: Recipe, synthetic: bool) -> bool:
    return synthetic


def _calibrated(recipe: Recipe, synthetic: bool) -> bool:
    return (synthetic and recipe.predict.calibrate > 0) or (
        _refined(recipe, synthetic) and recipe.merge.gate != "limits"
    )


def _synthetic_set(synthetic: Synthetic) -> dict:
    # Keys that came later count only where they change something: the sets of older runs are as good as new ones.
    later = {name for name in ("test_bent", "test_spread") if getattr(synthetic, name) == getattr(Synthetic(), name)}
    return synthetic.model_dump(mode="json", exclude={"stream", *later})


def _network(network: Network, seed: int) -> list:
    # Where the work is done does not change what comes out of it.
    elsewhere = {"workers", "devices", "nodes", "strategy", "loggers"}
    if network.train.epochs:
        return [seed, network.model_dump(mode="json", exclude={"train": elsewhere})]
    # Nothing is random, and the weights themselves are all that counts.
    return [network.model_dump(mode="json", exclude={"train", "augment"}), _digests(network.weights)]


def _digests(weights: str) -> list[str]:
    """What tells the weights of one name from others of that name; empty where they are yet to be trained."""
    try:
        path = resolve(weights)
    except HandboneError:
        return []
    files = [path] if path.is_file() else sorted(path.rglob("*.safetensors"))
    return [sha256_of(file) for file in files]


def _trained(network: Network | None) -> Network | None:
    return network if network is not None and network.train.epochs else None


def _prediction(recipe: Recipe) -> list | dict:
    """How networks are used; the prior counts where there is one, so that older runs stay as they are."""
    settings = recipe.predict.model_dump(mode="json", exclude={"calibrate", "prior"})
    return settings if recipe.predict.prior is None else [settings, _digests(recipe.predict.prior)]


def _evaluation(recipe: Recipe) -> dict:
    """What metrics are made from; extra metrics count where there are any, so that older runs stay as they are."""
    return recipe.evaluate.model_dump(mode="json", exclude=None if recipe.evaluate.metrics else {"metrics"})


def _prompting(recipe: Recipe) -> list:
    """What a prompted stage adds to a step's settings; nothing without one, so that other runs stay as they are."""
    return [] if recipe.prompt is None else [recipe.prompt.model_dump(mode="json", exclude={"tune"})]


def _training_size(network: Network) -> str:
    train = network.train
    if not train.epochs:
        return f"{network.model.name}, weights as they are"
    counts = Counter(train.size_at(epoch, network.size) for epoch in range(train.epochs))
    epochs = ", ".join(f"{count} at {size}" for size, count in counts.items())
    return f"{network.model.name}, epochs: {epochs}"


WEIGHTS = (
    "weights/coarse.safetensors",
    "weights/refiner.safetensors",
    "weights/prompter.safetensors",
    "weights/prior.safetensors",
)

STEPS: tuple[Step, ...] = (
    Step(
        name="synthetic",
        summary="Draw synthetic radiographs",
        work=_late("prepare", "draw_synthetic_hands"),
        settings=lambda r: _synthetic_set(r.synthetic),
        sizes=lambda r: f"{r.synthetic.train} + {r.synthetic.test} of {r.synthetic.size} x {r.synthetic.size}",
        needed=_synthetic,
    ),
    Step(
        name="images",
        summary="Read images, divide patients",
        work=_late("prepare", "read_images"),
        settings=lambda r: [
            r.data.model_dump(mode="json", exclude={"cache", "path"}),
            r.split.model_dump(mode="json"),
            bool(r.synthetic.stream),
        ],
        inputs=("synthetic",),
        sizes=lambda r: f"fold {r.split.fold} of {r.split.folds}",
    ),
    Step(
        name="coarse",
        summary="Train the coarse network",
        work=_late("train", "train_coarse"),
        settings=lambda r: [*_network(r.coarse, r.seed), r.synthetic.stream],
        inputs=("images",),
        sizes=lambda r: _training_size(r.coarse),
        trains=lambda r: _trained(r.coarse),
    ),
    Step(
        name="frames",
        summary="Find wrists in coarse masks",
        work=_late("train", "find_frames"),
        settings=lambda r: [
            r.roi.model_dump(mode="json", exclude={"jitter"}),
            [r.refine.size, r.refine.bones, r.refine.coarse_channels],
            [r.predict.threshold, r.predict.find_hand],
        ],
        inputs=("coarse",),
        sizes=lambda r: f"ROI {r.roi.size_px:g} px",
        needed=_refined,
    ),
    Step(
        name="refiner",
        summary="Train the refiner",
        work=_late("train", "train_refiner"),
        settings=lambda r: [*_network(r.refine, r.seed), r.roi.jitter, r.synthetic.stream],
        inputs=("frames",),
        sizes=lambda r: _training_size(r.refine),
        trains=lambda r: _trained(r.refine),
        needed=_refined,
    ),
    Step(
        name="prompter",
        summary="Tune the prompted network",
        work=_late("prompter", "tune_prompter"),
        settings=lambda r: [
            r.seed,
            r.prompt.model_dump(mode="json"),
            r.roi.model_dump(mode="json"),
            r.synthetic.stream,
        ],
        inputs=("images", "frames"),
        sizes=lambda r: f"{r.prompt.prompter.name}, {r.prompt.tune.rois} ROIs, epochs: {r.prompt.tune.epochs}",
        needed=lambda recipe, synthetic: recipe.prompt is not None and recipe.prompt.tune is not None,
    ),
    Step(
        name="calibration",
        summary="Learn which masks to believe",
        work=_late("calibrate", "calibrate"),
        settings=lambda r: [
            _prediction(r),
            r.merge.model_dump(mode="json"),
            r.predict.calibrate,
            r.synthetic.size,
            *_prompting(r),
        ],
        inputs=("coarse", "refiner", "prompter"),
        sizes=lambda r: f"{r.predict.calibrate} synthetic hands" if r.predict.calibrate else "validation images",
        needed=_calibrated,
        # 2: synthetic hands to calibrate with have looks that no training shows.
        revision=2,
    ),
    Step(
        name="predictions",
        summary="Predict, refine and merge",
        work=_late("predict", "predict_images"),
        settings=lambda r: [_prediction(r), r.merge.model_dump(mode="json"), *_prompting(r)],
        inputs=("coarse", "refiner", "calibration", "prompter"),
        publishes=tuple((file, file) for file in ("predictions.csv", *WEIGHTS)),
    ),
    Step(
        name="evaluation",
        summary="Compare with the labels",
        work=_late("evaluate", "evaluate"),
        settings=_evaluation,
        inputs=("predictions",),
        publishes=(("metrics.csv", "metrics.csv"), ("summary.csv", "summary.csv")),
    ),
    Step(
        name="report",
        summary="Write the report",
        work=_late("evaluate", "write_page"),
        settings=lambda r: r.report.model_dump(mode="json"),
        inputs=("evaluation",),
        publishes=(("report.html", "report.html"),),
    ),
)
