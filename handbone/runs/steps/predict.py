"""The step that predicts validation and test images with both stages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file, sha256_of, write_json
from handbone.core.progress import track
from handbone.core.samples import Sample
from handbone.formats.contest_csv import PredictionsWriter
from handbone.method.calibration.gate import Gate
from handbone.method.confidence import confidence_of
from handbone.method.settings import CoarseSettings, RefinerSettings
from handbone.method.two_stage import TwoStage
from handbone.plugins.events import PREDICTION_MADE, has_listeners, notify
from handbone.recipe.schema import Merge, Predict
from handbone.runs.context import Context
from handbone.runs.steps.prompter import gather_prompter
from handbone.weights import STAGE_FILES, prior_file
from handbone.weights.network_file import load_weights, save_weights

#: What the step `calibration` leaves, each only where the recipe asks for it.
GATE_FILE, PROMPT_GATE_FILE, PRESENCE_FILE = "gate.json", "prompt_gate.json", "presence.json"
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
    settings = context.recipe.predict
    later = context.recipe.refine is not None or context.recipe.prompt is not None
    write_json(workdir / STAGES_FILE, ["coarse", "merged"] if later else ["coarse"])
    gather_weights(context, workdir / "weights", calibrated=True)
    if context.recipe.prompt is not None:
        gate = _learned(context, PROMPT_GATE_FILE)
        gather_prompter(context, workdir / "weights", Gate.model_validate(gate) if gate else None)
    method = load_method(workdir / "weights", settings)
    for sample in track(context.predicted, "Predicting"):
        if not _is_done(workdir, sample):
            _predict(method, context, sample, workdir)
    chosen = context.splits["test"] or context.splits["validation"]
    with PredictionsWriter(workdir / "predictions.csv") as writer:
        for sample in track(sorted(chosen, key=lambda s: s.name), "Writing masks"):
            writer.write(
                sample.name, BoneProbabilities.load(_file(workdir, sample, "merged.npz")).threshold(settings.threshold)
            )


def load_method(folder: Path, settings: Predict) -> TwoStage:
    """Both stages as a recipe uses them."""
    return TwoStage.from_path(
        folder,
        threshold=settings.threshold,
        flip=settings.flip_tta,
        views=settings.views,
        precision=settings.precision,
    )


def gather_weights(context: Context, folder: Path, *, calibrated: bool = False, merge: Merge | None = None) -> None:
    """Both networks' weights side by side, each with what the recipe says of its use in its card.

    calibrated: whether to use what the step `calibration` has left. merge: another gate than the recipe's.
    """
    recipe, networks = context.recipe, ["coarse"]
    if recipe.refine is not None:
        networks.append("refiner")
    first = CoarseSettings(
        find_hand=recipe.predict.find_hand,
        flip=recipe.predict.flip_tta,
        views=recipe.predict.views,
        presence=_learned(context, PRESENCE_FILE)
        if calibrated and context.synthetic and recipe.predict.calibrate
        else None,
    )
    second = RefinerSettings.from_recipe(recipe).model_copy(update={"merge": merge or recipe.merge})
    if calibrated and recipe.merge.gate == "calibrated" and (gate := _learned(context, GATE_FILE)):
        second = second.model_copy(update={"gate": Gate.model_validate(gate)})
    settings = {
        "coarse": {"coarse": first.model_dump(mode="json")},
        "refiner": {"refiner": second.model_dump(mode="json")},
    }
    for step in networks:
        module, card = load_weights(context.step(step) / "weights.safetensors")
        save_weights(folder / STAGE_FILES[step], module, card.model_copy(update={"extra": card.extra | settings[step]}))
    if recipe.predict.prior is not None:
        with atomic_file(folder / STAGE_FILES["prior"]) as temporary:
            temporary.write_bytes(prior_file(recipe.predict.prior).read_bytes())


def _learned(context: Context, file: str) -> dict | None:
    """What the step `calibration` left, if it did."""
    return context.find("calibration", file)


def _predict(method: TwoStage, context: Context, sample: Sample, workdir: Path) -> None:
    outcome = method.predict(context.cache.image(sample.image))
    outcome.coarse.save(_file(workdir, sample, "coarse.npz"))
    outcome.final.save(_file(workdir, sample, "merged.npz"))
    frames = {name: frame.to_json() for name, frame in outcome.frames.items()}
    record = {"frames": frames, "decisions": [d.to_json() for d in outcome.decisions], "seconds": outcome.seconds}
    if outcome.prior is not None:
        record["prior"] = outcome.prior.to_json()
    if method.prompt_stage is not None:
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
