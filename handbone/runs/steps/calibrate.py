"""The step that learns, from images new to the networks, when to refuse a stage's mask and when to show a bone."""

from functools import partial
from pathlib import Path

from handbone.core.files import write_json
from handbone.core.progress import console
from handbone.evaluation.metrics import dice_contest
from handbone.method.calibration.calibrate import FEWEST, Calibration, CalibrationImage, calibrate
from handbone.method.two_stage import TwoStage
from handbone.runs.context import Context
from handbone.runs.steps.calibration_images import on_synthetic, unseen_images
from handbone.runs.steps.predict import CALIBRATION_FILE, gather_weights, recipe_settings


def calibrate_method(context: Context, workdir: Path) -> None:
    """Let the method read images that are new to it, and learn from how its masks come out.

    Leaves `calibration.json`. Its folds matter only where the images are ones that the run predicts.
    """
    recipe = context.recipe
    gather_weights(context, workdir / "weights", recipe_settings(context))
    method = TwoStage.from_path(workdir / "weights")
    images = [
        CalibrationImage(
            unseen.patient, unseen.load, partial(dice_contest, unseen.ground_truth), method.read(unseen.image)
        )
        for unseen in unseen_images(context)
    ]
    learned = calibrate(
        method,
        images,
        gates=recipe.merge.gate == "calibrated",
        presence=on_synthetic(context),
    )
    _tell(learned, images, gates=recipe.refine is not None and recipe.merge.gate == "calibrated")
    if on_synthetic(context):
        learned = Calibration(final=learned.final)
    write_json(workdir / CALIBRATION_FILE, learned.model_dump(mode="json"))


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
    confidence = learned.final.confidence
    if confidence is not None and confidence.bad_doubted is not None:
        console.print(
            f"{confidence.bad_doubted:.0%} of the masks below Dice 0.8 have less confidence than 0.8, and "
            f"{confidence.good_doubted or 0:.1%} of the others, by the same folds"
        )
