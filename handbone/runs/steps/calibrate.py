"""The step that learns, from pictures new to the networks, when to refuse a stage's mask and when to show a bone."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.files import write_json
from handbone.core.progress import console, track
from handbone.data.grid_dataset import LabelledPicture
from handbone.data.synthetic_stream import PhantomStream
from handbone.evaluation.metrics import dice_contest
from handbone.method.calibration.calibrate import FEWEST, Calibration, CalibrationImage, calibrate
from handbone.method.two_stage import TwoStage
from handbone.runs.context import Context
from handbone.runs.steps.predict import CALIBRATION_FILE, gather_weights, recipe_settings

# No training comes so far: these phantoms are new to the networks.
_EPOCH = 1_000_000
# Hands met later differ more than those that a network has learned from: upright adults vary half as much again here,
# half of them bent, and all are shown by looks that no training draws. A gate for any radiograph must know both kinds.
_UPRIGHT = {"variety": "contest", "spread": 1.5, "bent": 0.5}
_KINDS = {"contest": (_UPRIGHT,), "wide": (_UPRIGHT, {"variety": "wide"})}
_Unseen = tuple[str, np.ndarray, Callable[[], np.ndarray], BoneMasks]


def calibrate_method(context: Context, part: Path) -> None:
    """Let the method read pictures that are new to it, and learn from how its masks come out.

    Leaves `calibration.json`. Its folds matter only where the pictures are ones that the run predicts.
    """
    recipe = context.recipe
    gather_weights(context, part / "weights", recipe_settings(context))
    method = TwoStage.from_path(part / "weights")
    images = [
        CalibrationImage(patient, load, partial(dice_contest, truth), method.read(image))
        for patient, image, load, truth in _unseen(context)
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
    write_json(part / CALIBRATION_FILE, learned.model_dump(mode="json"))


def _on_synthetic(context: Context) -> bool:
    return context.phantom and context.recipe.predict.calibrate > 0


def _unseen(context: Context) -> Iterator[_Unseen]:
    """Patient, picture float32 (H, W), what gives it again, and true masks, of what no network has learned from."""
    if _on_synthetic(context):
        yield from _synthetic(context)
        return
    for sample in track(context.parts["validation"], "Calibrating on validation pictures"):
        load = partial(context.cache.image, sample.image)
        yield sample.person, load(), load, context.dataset.labels(sample).masks()


def _synthetic(context: Context) -> Iterator[_Unseen]:
    recipe = context.recipe
    count, seed = recipe.predict.calibrate, recipe.phantom.seed
    streams = [PhantomStream(count, seed=seed, looks="held_out", **kind) for kind in _KINDS[recipe.phantom.variety]]

    def draw(index: int) -> LabelledPicture:
        return streams[index % len(streams)].draw(_EPOCH, index, recipe.phantom.size)

    for index in track(range(count), "Calibrating on phantoms"):
        picture = draw(index)
        # Drawn anew where it is asked for again: hundreds of them need not be kept.
        again = partial(_redrawn, draw, index)
        yield picture.name, _grey(picture), again, BoneMasks.from_rings(picture.rings, picture.size_hw)


def _grey(picture: LabelledPicture) -> np.ndarray:
    return (picture.load() / np.float32(255)).astype(np.float32)


def _redrawn(draw: Callable[[int], LabelledPicture], index: int) -> np.ndarray:
    return _grey(draw(index))


def _tell(learned: Calibration, images: list[CalibrationImage], *, gates: bool) -> None:
    patients = len({image.patient for image in images})
    if gates and patients < FEWEST:
        console.print(
            f"{len(images)} pictures of {patients} patients are too few to calibrate the gate, which needs "
            f"{FEWEST} patients: its fixed limits decide"
        )
    for kind, gate in (("refined", learned.final.gate), ("prompted", learned.final.prompt_gate)):
        if gate is not None:
            console.print(
                f"with the gate {kind} masks gain {gate.gain:+.4f} Dice, and {100 * gate.harmed:.2f} % of all masks "
                f"are worse, on {gate.pictures} pictures by nested folds"
            )
    presence = learned.final.presence
    if presence is not None and presence.wrong_hidden is not None:
        console.print(
            f"{presence.wrong_hidden:.0%} of the wrong masks are left out, and {presence.right_hidden or 0:.1%} of the "
            f"right ones, on {presence.pictures} pictures by folds"
        )
