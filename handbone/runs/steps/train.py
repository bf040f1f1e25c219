"""The steps that train: the coarse network, what its frames are worth, and the refiner."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.files import write_json
from handbone.core.frame import Frame
from handbone.core.progress import console, track
from handbone.core.samples import Sample
from handbone.data.grid_dataset import LabelledImage
from handbone.data.synthetic_stream import SyntheticStream
from handbone.formats.contest_csv import PredictionsWriter, read_predictions
from handbone.method.coarse import CoarseDataset
from handbone.method.refine import RefineDataset
from handbone.method.roi import rois
from handbone.method.roi_jitter import FrameErrors, measure_frame_errors
from handbone.method.roi_placement import place_roi
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage, TwoStage
from handbone.recipe.schema import Refine, Train
from handbone.runs.context import Context
from handbone.training.engine import fit, use
from handbone.training.inference import Predictor

WEIGHTS_FILE = "weights.safetensors"


def train_coarse(context: Context, workdir: Path) -> None:
    """Train the network for the whole image; leaves `weights.safetensors` and `history.csv`."""
    network, seed = context.recipe.coarse, context.recipe.seed
    fit(
        network=network,
        in_channels=1,
        train=CoarseDataset(
            context.training_images(),
            size=network.size,
            augment=network.augment,
            seed=seed,
        ),
        validation=CoarseDataset(context.images(context.splits["validation"]), size=network.size, seed=seed),
        folder=workdir,
        seed=seed,
        description="Coarse network",
        card=_card("coarse"),
    )


def take_coarse(context: Context, workdir: Path) -> None:
    """Leave what a training of no epochs does: the weights that the recipe names, with the card of this run."""
    use(network=context.recipe.coarse, in_channels=1, folder=workdir, card=_card("coarse"))


def find_frames(context: Context, workdir: Path) -> None:
    """Predict validation images (and training ones where the refiner reads coarse masks) and measure their frames.

    Leaves `coarse.csv`, the coarse masks; `frames.json`, the validation ROIs; and `errors.json`.
    """
    recipe, refine = context.recipe, _refine(context)
    coarse = Stage(Predictor(context.step("coarse") / WEIGHTS_FILE, recipe.predict.precision), recipe.coarse.size)
    method = TwoStage(coarse, settings=MethodSettings(find_hand=recipe.predict.find_hand))
    bones = anatomy.select(refine.bones)
    validation = {sample.name for sample in context.splits["validation"]}
    samples: list[Sample] = list(context.splits["validation"])
    if refine.coarse_channels:
        samples += context.splits["train"]
    frames, pairs = {}, []
    with PredictionsWriter(workdir / "coarse.csv") as writer:
        for sample in track(sorted(samples, key=lambda s: s.name), "Coarse masks"):
            image = context.cache.image(sample.image)
            masks = method.predict(image).coarse.threshold(recipe.predict.threshold)
            writer.write(sample.name, masks)
            if sample.name in validation:
                frames[sample.name] = place_roi(masks, recipe.roi, refine.size, bones=bones).frame.to_json()
                pairs.append((masks, context.dataset.labels(sample).masks()))
    errors = measure_frame_errors(pairs, recipe.roi, refine.size, bones=bones)
    write_json(workdir / "frames.json", frames)
    write_json(workdir / "errors.json", errors.to_json())
    shift, turn = 100 * errors.spread[:2].max(), errors.spread[2]
    console.print(
        f"coarse ROIs are off by about {shift:.1f} % of their side and {turn:.1f}°; {errors.lost} could not be placed"
    )


def train_refiner(context: Context, workdir: Path) -> None:
    """Train the network for the ROI, on ROIs that err as those of the coarse masks do."""
    recipe, refine = context.recipe, _refine(context)
    if refine.weights == "coarse":
        refine = refine.model_copy(update={"weights": str(context.step("coarse") / WEIGHTS_FILE)})
    train, validation = context.training_images(), context.images(context.splits["validation"])
    bones = anatomy.select(refine.bones)

    def true_roi(image: LabelledImage) -> Frame:
        masks = BoneMasks.from_polygons(image.polygons, image.size_hw)
        return place_roi(masks, recipe.roi, refine.size, bones=bones).frame

    roi: Callable[[LabelledImage], Frame] = true_roi
    if not isinstance(train, SyntheticStream):
        true_frames = {image.name: true_roi(image) for image in track(train, "True ROIs")}
        roi = _by_name(true_frames)
    coarse_frames = {name: Frame.from_json(value) for name, value in context.read("frames", "frames.json").items()}
    coarse = None
    if refine.coarse_channels:
        assert not isinstance(train, SyntheticStream)  # such a recipe is refused
        sizes = {image.name: image.size_hw for image in (*train, *validation)}
        predictions = read_predictions(context.step("frames") / "coarse.csv")
        coarse = {name: BoneMasks.from_rle(rles, sizes[name]).polygons() for name, rles in predictions}
    fit(
        network=refine,
        in_channels=_refiner_channels(refine),
        train=RefineDataset(
            train,
            roi,
            size=refine.size,
            roi_share=recipe.roi.size_px / 2048,
            augment=refine.augment,
            errors=FrameErrors.from_json(context.read("frames", "errors.json")),
            jitter=recipe.roi.jitter,
            random_roi_probability=refine.random_roi_probability,
            rois=rois(recipe.roi, refine.bones, refine.extra_rois, refine.size)[1:],
            coarse=coarse,
            blank=refine.coarse_channels,
            seed=recipe.seed,
        ),
        validation=RefineDataset(
            validation, _by_name(coarse_frames), size=refine.size, coarse=coarse, seed=recipe.seed
        ),
        folder=workdir,
        seed=recipe.seed,
        description="Refiner",
        card=_card("refiner"),
    )


def take_refiner(context: Context, workdir: Path) -> None:
    """As `take_coarse`, of the refiner; its weights may be those of this run's coarse network."""
    refine = _refine(context)
    network = Refine(size=refine.size, model=refine.model, weights=refine.weights, train=Train(epochs=0))
    if refine.weights == "coarse":
        network = network.model_copy(update={"weights": str(context.step("coarse") / WEIGHTS_FILE)})
    use(network=network, in_channels=_refiner_channels(refine), folder=workdir, card=_card("refiner"))


def _refine(context: Context) -> Refine:
    refine = context.recipe.refine
    assert refine is not None  # else no such step is planned
    return refine


def _refiner_channels(refine: Refine) -> int:
    return 1 + anatomy.COUNT * refine.coarse_channels


def _card(stage: str) -> dict[str, Any]:
    return {"stage": stage, "bones": anatomy.NAMES}


def _by_name(frames: Mapping[str, Frame]) -> Callable[[LabelledImage], Frame]:
    return lambda image: frames[image.name]
