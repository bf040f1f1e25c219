"""The step that predicts validation and test images with both stages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file, sha256_of, write_json
from handbone.core.progress import track
from handbone.core.samples import Sample
from handbone.evaluation.columns import GATE_FOLD
from handbone.formats.contest_csv import PredictionsWriter
from handbone.method.calibration.calibrate import Calibration
from handbone.method.confidence import confidence_of
from handbone.method.settings import MethodSettings, PriorSettings
from handbone.method.two_stage import TwoStage
from handbone.plugins.events import PREDICTION_MADE, has_listeners, notify
from handbone.runs.context import Context
from handbone.runs.steps.prompter import gather_prompter
from handbone.weights import STAGE_FILES, prior_file
from handbone.weights.network_file import load_weights, read_card, save_weights

#: What the step `calibration` leaves.
CALIBRATION_FILE = "calibration.json"
#: The names of the stages whose masks are kept, first to last.
STAGES_FILE = "stages.json"


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the step left of one image."""

    sample: Sample
    coarse: BoneProbabilities
    merged: BoneProbabilities
    record: dict


def predict_images(context: Context, workdir: Path) -> None:
    """Predict every image; leaves coarse and merged probabilities, a record each, and `predictions.csv`.

    The CSV holds the test images, or the validation images where there are none. Images that an interrupted run
    has done are not done again.
    """
    settings, learned = recipe_settings(context), calibration(context)
    later = context.recipe.refine is not None or context.recipe.prompt is not None
    write_json(workdir / STAGES_FILE, ["coarse", "merged"] if later else ["coarse"])
    gather_weights(context, workdir / "weights", learned.final.applied_to(settings))
    method = TwoStage.from_path(workdir / "weights")
    for sample in track(context.predicted, "Predicting"):
        if not _is_done(workdir, sample):
            # A gate that was learned on validation images decides in none of the patients that it knows.
            own = learned.of(sample.patient_id).applied_to(settings)
            fold = learned.fold_of.get(sample.patient_id)
            _predict(replace(method, settings=own), context, sample, workdir, fold=fold)
    chosen = context.splits["test"] or context.splits["validation"]
    with PredictionsWriter(workdir / "predictions.csv") as writer:
        for sample in track(sorted(chosen, key=lambda s: s.name), "Writing masks"):
            writer.write(
                sample.name, BoneProbabilities.load(_file(workdir, sample, "merged.npz")).threshold(method.threshold)
            )


def recipe_settings(context: Context) -> MethodSettings:
    """What the recipe says of how networks are used; nothing in it is calibrated."""
    name = context.recipe.predict.prior
    prior = None if name is None else PriorSettings.model_validate(read_card(prior_file(name)).extra.get("prior", {}))
    return MethodSettings.from_recipe(context.recipe, prior=prior)


def calibration(context: Context) -> Calibration:
    """What the step `calibration` learned; nothing where the recipe has no such step."""
    found = context.find("calibration", CALIBRATION_FILE)
    return Calibration() if found is None else Calibration.model_validate(found)


def gather_weights(context: Context, folder: Path, settings: MethodSettings) -> None:
    """All networks' weights side by side, the settings of the method in the coarse network's card."""
    recipe = context.recipe
    for step in ("coarse", "refiner") if recipe.refine is not None else ("coarse",):
        module, card = load_weights(context.step(step) / "weights.safetensors")
        card = settings.to_card(card) if step == "coarse" else card.model_copy(update={"extra": {}})
        save_weights(folder / STAGE_FILES[step], module, card)
    if recipe.prompt is not None:
        gather_prompter(context, folder)
    if recipe.predict.prior is not None:
        with atomic_file(folder / STAGE_FILES["prior"]) as temporary:
            temporary.write_bytes(prior_file(recipe.predict.prior).read_bytes())


def _predict(method: TwoStage, context: Context, sample: Sample, workdir: Path, *, fold: int | None) -> None:
    outcome = method.predict(context.cache.image(sample.image))
    outcome.coarse.save(_file(workdir, sample, "coarse.npz"))
    outcome.final.save(_file(workdir, sample, "merged.npz"))
    frames = {name: frame.to_json() for name, frame in outcome.frames.items()}
    record: dict[str, Any] = {
        "frames": frames,
        "decisions": [d.to_json() for d in outcome.decisions],
        "seconds": outcome.seconds,
    }
    record[GATE_FOLD] = fold
    if outcome.prior is not None:
        record["prior"] = outcome.prior.to_json()
    if method.prompter is not None:
        record["answers"] = [answer.to_json() for answer in outcome.answers]
        record["prompt_decisions"] = [d.to_json() for d in outcome.prompt_decisions]
    record["files"] = _sums(workdir, sample)
    # Last, since it says that the radiograph is done.
    write_json(_file(workdir, sample, "json"), record)
    if has_listeners(PREDICTION_MADE):
        masks = outcome.final.threshold(method.threshold)
        notify(PREDICTION_MADE, image_name=sample.name, masks=masks, confidence=confidence_of(outcome, masks))


def _is_done(workdir: Path, sample: Sample) -> bool:
    """Whether an interrupted attempt has left a radiograph's whole prediction."""
    try:
        record = json.loads(_file(workdir, sample, "json").read_text(encoding="utf-8"))
        return record["files"] == _sums(workdir, sample)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _sums(workdir: Path, sample: Sample) -> dict[str, str]:
    return {kind: sha256_of(_file(workdir, sample, f"{kind}.npz")) for kind in ("coarse", "merged")}


def _file(workdir: Path, sample: Sample, kind: str) -> Path:
    return workdir / "images" / f"{sample.name}.{kind}"


def coarse_file(context: Context, sample: Sample) -> Path:
    """Where the step left an image's coarse probabilities.

    Raises
    ------
    HandboneError: it did not, or they are gone.
    """
    path = _file(context.step("predictions"), sample, "coarse.npz")
    if not path.is_file():
        raise HandboneError(
            "the run has no prediction of this image any more", where=sample.name, remedy="run it again"
        )
    return path


def load_prediction(context: Context, sample: Sample) -> Prediction:
    """What the step left of one image.

    Raises
    ------
    HandboneError: its files are not there or damaged.
    """
    workdir = context.step("predictions")
    try:
        record = json.loads(_file(workdir, sample, "json").read_text(encoding="utf-8"))
        coarse, merged = (
            BoneProbabilities.load(_file(workdir, sample, f"{kind}.npz")) for kind in ("coarse", "merged")
        )
    except (OSError, ValueError) as error:
        remedy = f"delete {workdir} and run the same command again"
        raise HandboneError(
            f"the prediction of {sample.name} cannot be read: {error}", where=workdir, remedy=remedy
        ) from None
    return Prediction(sample, coarse, merged, record)


def load_predictions(context: Context) -> Iterator[Prediction]:
    """Every predicted image, one at a time."""
    for sample in context.predicted:
        yield load_prediction(context, sample)
