"""The step that learns, from images new to the networks, when to refuse a stage's mask and when to show a bone."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.files import write_json
from handbone.core.progress import console, track
from handbone.data.grid_dataset import LabelledImage
from handbone.data.synthetic_stream import SyntheticStream
from handbone.evaluation.metrics import dice_contest
from handbone.method.calibration.calibrate import FEWEST, Calibration, CalibrationImage, calibrate
from handbone.method.two_stage import TwoStage
from handbone.runs.context import Context
from handbone.runs.steps.predict import CALIBRATION_FILE, gather_weights, recipe_settings

# No training comes so far: these synthetic hands are new to the networks.
_EPOCH = 1_000_000
# Hands met later differ more than those that a network has learned from: upright adults vary half as much again here,
# half of them bent, and all are shown by looks that no training draws. A gate for any radiograph must know both kinds.
_UPRIGHT = {"variety": "upright_adult", "spread": 1.5, "bent": 0.5}
_KINDS = {"upright_adult": (_UPRIGHT,), "diverse": (_UPRIGHT, {"variety": "diverse"})}
_Unseen = tuple[str, np.ndarray, Callable[[], np.ndarray], BoneMasks]


def calibrate_method(context: Context, workdir: Path) -> None:
    """Let the method read images that are new to it, and learn from how its masks come out.

    Leaves `calibration.json`. Its folds matter only where the images are ones that the run predicts.
    """
    recipe = context.recipe
    gather_weights(context, workdir / "weights", recipe_settings(context))
    method = TwoStage.from_path(workdir / "weights")
    images = [
        CalibrationImage(patient, load, partial(dice_contest, ground_truth), method.read(image))
        for patient, image, load, ground_truth in _unseen(context)
    ]
    learned = calibrate(
        method,
        images,
        gates=recipe.merge.gate == "calibrated",
        presence=_on_synthetic(context),
    )
    _tell(learned, images, gates=recipe.refine is not None and recipe.merge.gate == "calibrated")
    if _on_synthetic(context):
        learned = Calibration(final=learned.final)
    write_json(workdir / CALIBRATION_FILE, learned.model_dump(mode="json"))


def _on_synthetic(context: Context) -> bool:
    return context.synthetic and context.recipe.predict.calibrate > 0


def _unseen(context: Context) -> Iterator[_Unseen]:
    """Patient, image float32 (H, W), what gives it again, and true masks, of what no network has learned from."""
    if _on_synthetic(context):
        yield from _synthetic(context)
        return
    for sample in track(context.splits["validation"], "Calibrating on validation images"):
        load = partial(context.cache.image, sample.image)
        yield sample.patient_id, load(), load, context.dataset.labels(sample).masks()


def _synthetic(context: Context) -> Iterator[_Unseen]:
    recipe = context.recipe
    count, seed = recipe.predict.calibrate, recipe.synthetic.seed
    streams = [SyntheticStream(count, seed=seed, looks="held_out", **kind) for kind in _KINDS[recipe.synthetic.variety]]

    def draw(index: int) -> LabelledImage:
        return streams[index % len(streams)].draw(_EPOCH, index, recipe.synthetic.size)

    for index in track(range(count), "Calibrating on synthetic hands"):
        radiograph = draw(index)
        # Drawn anew where it is asked for again: hundreds of them need not be kept.
        again = partial(_redrawn, draw, index)
        yield (
            radiograph.name,
            _grey(radiograph),
            again,
            BoneMasks.from_polygons(radiograph.polygons, radiograph.size_hw),
        )


def _grey(radiograph: LabelledImage) -> np.ndarray:
    return (radiograph.load() / np.float32(255)).astype(np.float32)


def _redrawn(draw: Callable[[int], LabelledImage], index: int) -> np.ndarray:
    return _grey(draw(index))


def _tell(learned: Calibration, images: list[CalibrationImage], *, gates: bool) -> None:
    patients = len({image.patient for image in images})
    if gates and patients < FEWEST:
        console.print(
            f"{len(images)} images of {patients} patients are too few to calibrate the gate, which needs "
            f"{FEWEST} patients: its fixed limits decide"
        )
    for kind, gate in (("refined", learned.final.gate), ("prompted", learned.final.prompt_gate)):
        if gate is not None:
            console.print(
                f"with the gate {kind} masks gain {gate.gain:+.4f} Dice, and {100 * gate.degraded:.2f} % of all masks "
                f"are worse, on {gate.images} images by nested folds"
            )
    presence = learned.final.presence
    if presence is not None and presence.wrong_hidden is not None:
        console.print(
            f"{presence.wrong_hidden:.0%} of the wrong masks are left out, and {presence.right_hidden or 0:.1%} of the "
            f"right ones, on {presence.images} images by folds"
        )
