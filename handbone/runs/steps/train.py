"""The steps that train: the coarse network, what its frames are worth, and the refiner."""

from collections.abc import Callable, Mapping
from pathlib import Path

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.files import write_json
from handbone.core.frame import Frame
from handbone.core.progress import console, track
from handbone.core.samples import Sample
from handbone.data.grid_dataset import LabelledPicture
from handbone.data.synthetic_stream import PhantomStream
from handbone.formats.contest_csv import PredictionsWriter, read_predictions
from handbone.method.coarse import CoarseDataset
from handbone.method.refine import RefineDataset
from handbone.method.roi import windows
from handbone.method.roi_jitter import FrameErrors, measure_frame_errors
from handbone.method.roi_placement import wrist_frame
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage, TwoStage
from handbone.runs.context import Context
from handbone.training.engine import fit, use
from handbone.training.inference import Predictor


def train_coarse(context: Context, part: Path) -> None:
    """Train the network for the whole picture; leaves `weights.safetensors` and `history.csv`."""
    network, seed = context.recipe.coarse, context.recipe.seed
    card = {"stage": "coarse", "bones": anatomy.NAMES}
    if not network.train.epochs:
        use(network=network, in_channels=1, folder=part, card=card)
        return
    fit(
        network=network,
        in_channels=1,
        train=CoarseDataset(
            context.training_pictures(),
            size=network.size,
            augment=network.augment,
            seed=seed,
        ),
        validation=CoarseDataset(context.pictures(context.parts["validation"]), size=network.size, seed=seed),
        folder=part,
        seed=seed,
        description="Coarse network",
        card=card,
    )


def find_frames(context: Context, part: Path) -> None:
    """Predict validation pictures (and training ones where the refiner reads coarse masks) and measure their frames.

    Leaves `coarse.csv`, the coarse masks; `frames.json`, the validation windows; and `errors.json`.
    """
    recipe = context.recipe
    coarse = Stage(
        Predictor(context.folder.step("coarse") / "weights.safetensors", recipe.predict.precision), recipe.coarse.size
    )
    method = TwoStage(coarse, settings=MethodSettings(find_hand=recipe.predict.find_hand))
    bones = anatomy.select(recipe.refine.bones)
    validation = {sample.name for sample in context.parts["validation"]}
    samples: list[Sample] = list(context.parts["validation"])
    if recipe.refine.coarse_channels:
        samples += context.parts["train"]
    frames, pairs = {}, []
    with PredictionsWriter(part / "coarse.csv") as writer:
        for sample in track(sorted(samples, key=lambda s: s.name), "Coarse masks"):
            image = context.cache.image(sample.image)
            masks = method.predict(image).coarse.threshold(recipe.predict.threshold)
            writer.write(sample.name, masks)
            if sample.name in validation:
                frames[sample.name] = wrist_frame(masks, recipe.crop, recipe.refine.size, bones=bones).frame.to_json()
                pairs.append((masks, context.dataset.labels(sample).masks()))
    errors = measure_frame_errors(pairs, recipe.crop, recipe.refine.size, bones=bones)
    write_json(part / "frames.json", frames)
    write_json(part / "errors.json", errors.to_json())
    shift, turn = 100 * errors.spread[:2].max(), errors.spread[2]
    console.print(
        f"coarse windows are off by about {shift:.1f} % of their side and {turn:.1f}°; {errors.lost} were lost"
    )


def train_refiner(context: Context, part: Path) -> None:
    """Train the network for the window, on windows that err as those of the coarse masks do."""
    recipe, refine = context.recipe, context.recipe.refine
    if refine.weights == "coarse":
        refine = refine.model_copy(update={"weights": str(context.folder.step("coarse") / "weights.safetensors")})
    in_channels, card = 1 + anatomy.COUNT * refine.coarse_channels, {"stage": "refiner", "bones": anatomy.NAMES}
    if not refine.train.epochs:
        use(network=refine, in_channels=in_channels, folder=part, card=card)
        return
    train, validation = context.training_pictures(), context.pictures(context.parts["validation"])
    bones = anatomy.select(refine.bones)

    def true_window(picture: LabelledPicture) -> Frame:
        masks = BoneMasks.from_rings(picture.rings, picture.size_hw)
        return wrist_frame(masks, recipe.crop, refine.size, bones=bones).frame

    window = true_window
    if not isinstance(train, PhantomStream):
        true_frames = {picture.name: true_window(picture) for picture in track(train, "True windows")}
        window = _by_name(true_frames)
    coarse_frames = {name: Frame.from_json(value) for name, value in context.read("frames", "frames.json").items()}
    coarse = None
    if refine.coarse_channels:
        sizes = {picture.name: picture.size_hw for picture in (*train, *validation)}
        predictions = read_predictions(context.folder.step("frames") / "coarse.csv")
        coarse = {name: BoneMasks.from_rle(rles, sizes[name]).rings() for name, rles in predictions}
    fit(
        network=refine,
        in_channels=in_channels,
        train=RefineDataset(
            train,
            window,
            size=refine.size,
            window_share=recipe.crop.window / 2048,
            augment=refine.augment,
            errors=FrameErrors.from_json(context.read("frames", "errors.json")),
            jitter=recipe.crop.jitter,
            roam=refine.roam,
            windows=windows(recipe.crop, refine.bones, refine.regions, refine.size)[1:],
            coarse=coarse,
            blank=refine.coarse_channels,
            seed=recipe.seed,
        ),
        validation=RefineDataset(
            validation, _by_name(coarse_frames), size=refine.size, coarse=coarse, seed=recipe.seed
        ),
        folder=part,
        seed=recipe.seed,
        description="Refiner",
        card=card,
    )


def _by_name(frames: Mapping[str, Frame]) -> Callable[[LabelledPicture], Frame]:
    return lambda picture: frames[picture.name]
