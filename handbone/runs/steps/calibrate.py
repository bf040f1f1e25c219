"""The step that learns, from images new to the networks, when to refuse a stage's mask and when to show a bone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handbone.anatomy import INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.files import write_json
from handbone.core.progress import console, track
from handbone.data.synthetic_stream import SyntheticStream
from handbone.evaluation.metrics import dice_contest
from handbone.method.calibration import gate as gates
from handbone.method.calibration.gate import Gate, accept
from handbone.method.calibration.presence import Presence, features
from handbone.method.merge import Decision
from handbone.method.postprocess import postprocess
from handbone.method.prompt import PromptStage
from handbone.method.two_stage import MethodResult, TwoStage
from handbone.recipe import schema
from handbone.runs.context import Context
from handbone.runs.steps.predict import GATE_FILE, PRESENCE_FILE, PROMPT_GATE_FILE, gather_weights, load_method
from handbone.runs.steps.prompter import load_prompts

# No training comes so far: these synthetic hands are new to the networks.
_EPOCH = 1_000_000
# A mask that overlaps its bone less than this is wrong.
_RIGHT = 0.5
# With fewer patients probabilities of degradation would be guesses.
_FEWEST = 10
# Hands met later differ more than those that a network has learned from: upright adults vary half as much again here,
# half of them bent, and all are shown by looks that no training draws. A gate for any radiograph must know both kinds.
_UPRIGHT = {"variety": "upright_adult", "spread": 1.5, "bent": 0.5}
_KINDS = {"upright_adult": (_UPRIGHT,), "diverse": (_UPRIGHT, {"variety": "diverse"})}
# Every refined mask is taken, so that it shows what each would do.
_OPEN = schema.Merge(min_agreement=0.0, area_ratio=(0.0, 1e9), max_shift=1e9)


def calibrate(context: Context, workdir: Path) -> None:
    """Predict with all stages and learn from how that comes out.

    Leaves `gate.json`, `prompt_gate.json` and `presence.json`, those that the recipe needs.
    """
    recipe = context.recipe
    gather_weights(context, workdir / "weights", merge=_OPEN)
    method = load_method(workdir / "weights", recipe.predict)
    images = []
    for image, ground_truth, patient in _unseen(context):
        outcome = method.predict(image)
        earlier = outcome.coarse if outcome.location is None else postprocess(outcome.coarse)
        first = MethodResult(outcome.coarse, earlier, location=outcome.location)
        if method.prior_stage is not None:
            first = method.judge(first)
        sides = [_Side(each, ground_truth, recipe.predict.threshold) for each in (first, outcome)]
        images.append(_Image(patient, *sides, outcome.decisions))
    gate = None
    if recipe.refine is not None and recipe.merge.gate == "calibrated":
        gate = _fit_gate(images, recipe.merge, "refined")
        write_json(workdir / GATE_FILE, gate.model_dump(mode="json") if gate else None)
        if recipe.prompt is not None:
            prompt_gate = _calibrate_prompts(context, method, gate)
            write_json(workdir / PROMPT_GATE_FILE, prompt_gate.model_dump(mode="json") if prompt_gate else None)
    if context.synthetic and recipe.predict.calibrate:
        presence = _fit_presence(images, recipe.merge, gate)
        write_json(workdir / PRESENCE_FILE, presence.model_dump(mode="json"))


def _calibrate_prompts(context: Context, method: TwoStage, gate: Gate | None) -> Gate | None:
    """The third stage's gate, of what it does to the masks that the second one, behind its own gate, hands on."""
    recipe, stage = context.recipe, load_prompts(context)[0]
    limits = stage.settings.limits
    wanted = {"prompt": recipe.prompt.model_copy(update={"min_agreement": 0.0}), "merge": _OPEN}
    eager = PromptStage(stage.prompter, stage.settings.model_copy(update=wanted))
    method.settings = method.settings.model_copy(update={"merge": recipe.merge, "gate": gate})
    threshold, images = recipe.predict.threshold, []
    for image, ground_truth, patient in _unseen(context):
        earlier = method.predict(image)
        merged, *_ = eager(image, earlier.final, next(iter(earlier.frames.values())), threshold=threshold)
        later = merged.probabilities if earlier.location is None else postprocess(merged.probabilities)
        sides = [_Side(each, ground_truth, threshold) for each in (earlier, replace(earlier, final=later))]
        images.append(_Image(patient, *sides, merged.decisions))
    return _fit_gate(images, limits, "prompted")


class _Side:
    """One of the two results of an image: how it compares with the ground truth, and what is known of its masks."""

    def __init__(self, outcome: MethodResult, ground_truth: BoneMasks, threshold: float):
        self.dice = dice_contest(ground_truth, outcome.final.threshold(threshold))
        agreement = None if outcome.prior is None else outcome.prior.agreement
        self.table, self.seen = features(outcome.final, threshold, agreement)


class _Image(NamedTuple):
    """An image's results before and after a stage, the stage's decisions, and whose hand it is."""

    patient: str
    before: _Side
    after: _Side
    decisions: list[Decision]


def _unseen(context: Context) -> Iterator[tuple[np.ndarray, BoneMasks, str]]:
    """Images float32 (H, W) that no network has learned from, with true masks and the patient's name."""
    recipe = context.recipe
    if context.synthetic and recipe.predict.calibrate:
        count, seed = recipe.predict.calibrate, recipe.synthetic.seed
        streams = [
            SyntheticStream(count, seed=seed, looks="held_out", **kind) for kind in _KINDS[recipe.synthetic.variety]
        ]
        for index in track(range(count), "Calibrating on synthetic hands"):
            radiograph = streams[index % len(streams)].draw(_EPOCH, index, recipe.synthetic.size)
            image = (radiograph.load() / np.float32(255)).astype(np.float32)
            yield image, BoneMasks.from_polygons(radiograph.polygons, radiograph.size_hw), radiograph.name
        return
    for sample in track(context.splits["validation"], "Calibrating on validation images"):
        yield context.cache.image(sample.image), context.dataset.labels(sample).masks(), sample.patient_id


def _fit_gate(images: Sequence[_Image], limits: schema.Merge, kind: str) -> Gate | None:
    patients = {patient: number for number, patient in enumerate(dict.fromkeys(each.patient for each in images))}
    if len(patients) < _FEWEST:
        console.print(
            f"{len(images)} images of {len(patients)} patients are too few to calibrate the gate, which needs "
            f"{_FEWEST} patients: its fixed limits decide"
        )
        return None
    outcomes = []
    for patient, before, after, decisions in images:
        for decision in decisions:
            bone = INDEX[decision.bone]
            usable = decision.used and decision.evidence.before
            if usable and accept(bone, decision.evidence, limits, None, may_add=True)[0]:
                gain = float(after.dice[bone] - before.dice[bone])
                outcomes.append(gates.CalibrationSample(patients[patient], bone, decision.evidence, gain))
    if not outcomes:
        return None
    gate = Gate.fit(outcomes, len(images))
    worse = np.mean([outcome.gain < -gates.DEGRADATION for outcome in outcomes])
    console.print(
        f"{100 * worse:.1f} % of {len(outcomes)} {kind} masks were worse on {len(images)} images; with the gate "
        f"{100 * gate.degraded:.2f} % of all masks are, and {kind} ones gain {gate.gain:+.4f} Dice"
    )
    return gate


def _fit_presence(images: Sequence[_Image], limits: schema.Merge, gate: Gate | None) -> Presence:
    rows = []
    for _, before, after, decisions in images:
        changed = np.zeros(len(before.dice), bool)
        for decision in decisions:
            bone = INDEX[decision.bone]
            changed[bone] = decision.used and accept(bone, decision.evidence, limits, gate, may_add=True)[0]
        seen = np.where(changed, after.seen, before.seen)
        table = np.where(changed[:, None], after.table, before.table)
        right = np.where(changed, after.dice, before.dice) >= _RIGHT
        rows.append((table[seen], right[seen]))
    right = np.concatenate([each[1] for each in rows])
    console.print(f"{np.count_nonzero(~right)} of {len(right)} masks on {len(images)} images were wrong")
    return Presence.fit(rows)
