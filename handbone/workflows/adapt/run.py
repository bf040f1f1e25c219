"""An adaptation from end to end: outline, learn, outline again, judge, report, and write only what is no worse."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import handbone
from handbone.core import files
from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.core.folders import Place
from handbone.core.progress import console
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage, TwoStage
from handbone.weights import find_prior, find_weights, pack
from handbone.weights.card import CARD_FILE, STAGE_FILES, check_name
from handbone.weights.network_file import load_weights, save_weights
from handbone.weights.packing import check_free
from handbone.workflows.adapt import judging
from handbone.workflows.adapt.adaptation import Adaptation
from handbone.workflows.adapt.changes import compare
from handbone.workflows.adapt.description import describe, origin_of
from handbone.workflows.adapt.mean_teacher import MeanTeacher, self_train
from handbone.workflows.adapt.page import write_page
from handbone.workflows.adapt.radiographs import Outliner
from handbone.workflows.adapt.settings import AdaptSettings, steps_for

PAGE_FILE, RECORD_FILE = "adapt.html", "adapt.json"
_PROGRESS, _FINGERPRINT = "progress", "fingerprint.json"
# In the progress: which card lay in the place of the new weights, when these were whole.
_REPLACED = "replaced.json"


def adapt(
    paths: Sequence[Path],
    out: Path,
    *,
    weights: str | Path,
    report: Path | None = None,
    settings: AdaptSettings | None = None,
    overwrite: bool = False,
) -> Adaptation:
    """Fit weights to unlabelled radiographs; the same call goes on where an earlier one stopped.

    Parameters
    ----------
    paths: the radiographs.
    out: folder of the new set of weights, which takes its last part as name.
    weights: what is adapted: a name, a run, a folder or a file.
    report: folder of the page, of its record and, until all is done, of the progress; beside `out` by default.
    overwrite: replace a set that lies in `out`.

    Raises
    ------
    HandboneError: a folder that is not free, a name that cannot be, no weights, nothing to learn from, or another
        process that is at work on the same report.
    KeyboardInterrupt: the user stopped it.
    """
    settings, out = settings or AdaptSettings(), expanded(out)
    report = out.with_name(f"{out.name}_report") if report is None else expanded(report)
    _check_places(out, report)
    Place.of(out).put_right()
    with Place.of(report).locked():
        files.sweep(report)
        _drop_finished(report, out)
        _check_free(out, report, overwrite)
        return _adapt(paths, out, weights, report, settings, overwrite=overwrite)


def _adapt(
    paths: Sequence[Path], out: Path, weights: str | Path, report: Path, settings: AdaptSettings, *, overwrite: bool
) -> Adaptation:
    steps = settings.steps or steps_for(len(paths))
    networks = (*find_weights(weights), find_prior(weights))
    progress = _claim(report, _fingerprint(networks, paths, steps, settings))
    _gather(progress / "before", *networks)
    judged = judging.judged(len(paths), settings)
    chosen = [paths[number] for number in judged]
    dice_before = _judge(progress, "before", chosen, settings)
    predictor = _learn(progress, paths, steps, settings)
    dice_after = _judge(progress, "after", chosen, settings)
    pairs = [judging.outlined(progress / side / "outlined", len(chosen)) for side in ("before", "after")]
    changes = compare([path.name for path in chosen], zip(*pairs, strict=True))
    refused = judging.refusals(dice_before, dice_after, changes.flags_before, changes.flags_after)
    result = Adaptation(
        weights=None if refused else out,
        page=report / PAGE_FILE,
        refused=tuple(refused),
        radiographs=len(paths),
        steps=steps,
        dice=(round(judging.mean_dice(dice_before), 4), round(judging.mean_dice(dice_after), 4)),
        changes=changes,
        pseudo_masks=predictor.summary(),
        unread=tuple(sorted({e.error for e in changes.radiographs if e.error} | predictor.errors())),
    )
    _report(result, progress, chosen)
    if not refused:
        described = describe(origin_of(weights), result, settings)
        if described.recipe:
            files.write_text(progress / "after" / "recipe.toml", described.recipe)
        files.write_json(progress / _REPLACED, _card_digest(out))
        pack(progress / "after", out, name=out.resolve().name, overwrite=overwrite, **described.facts)
        _drop_finished(report, out)
    return result


def _check_places(out: Path, report: Path) -> None:
    check_name(out.resolve().name)
    if report.resolve().is_relative_to(out.resolve()):
        # Weights are passed on; the report shows patients' radiographs.
        raise HandboneError(
            "the report cannot be inside the folder of the weights",
            where=report,
            remedy="choose another folder with --report",
        )


def _check_free(out: Path, report: Path, overwrite: bool) -> None:
    check_free(out, overwrite)
    if report.exists() and not (report / RECORD_FILE).is_file() and any(report.iterdir()):
        what = "the folder contains something other than an adaptation report"
        raise HandboneError(what, where=report, remedy="choose another folder with --report")


def _fingerprint(networks: Sequence[Path | None], paths: Sequence[Path], steps: int, settings: AdaptSettings) -> str:
    digests = [None if path is None else files.sha256_of(path) for path in networks]
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    text = json.dumps([handbone.__version__, digests, stats, steps, asdict(settings)])
    return hashlib.sha256(text.encode()).hexdigest()


def _claim(report: Path, fingerprint: str) -> Path:
    """The folder of this adaptation's progress, emptied where it is that of another."""
    progress, record = report / _PROGRESS, report / _PROGRESS / _FINGERPRINT
    if record.is_file() and json.loads(record.read_text(encoding="utf-8")) == fingerprint:
        console.print("Continuing the interrupted adaptation.", highlight=False)
        for folder in (progress, *(path for path in progress.rglob("*") if path.is_dir())):
            files.sweep(folder)
        return progress
    _drop(progress)
    files.write_json(report / RECORD_FILE, {"started": datetime.now(UTC).isoformat(timespec="seconds")})
    files.write_json(record, fingerprint)
    return progress


def _drop_finished(report: Path, out: Path) -> None:
    """Remove what a kill may have kept of the progress of an adaptation whose weights lie in their place."""
    progress = report / _PROGRESS
    replaced, marked = progress / _REPLACED, (progress / _FINGERPRINT).is_file()
    if not marked or (replaced.is_file() and json.loads(replaced.read_text(encoding="utf-8")) != _card_digest(out)):
        _drop(progress)


def _drop(progress: Path) -> None:
    # Without a fingerprint nothing goes on with what a kill may leave of the rest.
    (progress / _FINGERPRINT).unlink(missing_ok=True)
    shutil.rmtree(progress, ignore_errors=True)


def _card_digest(out: Path) -> str | None:
    """The digest of the card in a folder of weights; None where there is none."""
    return files.sha256_of(out / CARD_FILE) if (out / CARD_FILE).is_file() else None


def _gather(folder: Path, coarse: Path, refiner: Path | None, prior: Path | None) -> None:
    """Copy a method's networks side by side; a prompter, which sets of weights cannot hold, stays behind."""
    for stage, source in (("coarse", coarse), ("refiner", refiner), ("prior", prior)):
        name = STAGE_FILES[stage]
        if source is not None:
            with files.atomic_file(folder / name) as temporary:
                shutil.copyfile(source, temporary)


def _judge(progress: Path, side: str, paths: Sequence[Path], settings: AdaptSettings) -> Any:
    method = TwoStage.from_path(progress / side)
    judging.outline_all(method, paths, progress / side / "outlined", f"Outlining, {side}")
    return judging.score_synthetic(method, settings, progress / side / "synthetic", f"Synthetic hands, {side}")


def _learn(progress: Path, paths: Sequence[Path], steps: int, settings: AdaptSettings) -> Outliner:
    """Train, and leave the adapted method's networks under `after`."""
    coarse = progress / "before" / STAGE_FILES["coarse"]
    network, card = load_weights(coarse)
    training = MeanTeacher(network, size=card.size, steps=steps, settings=settings)
    used = MethodSettings.from_card(card, where=coarse)
    predictor = Outliner(Stage(training.predictor, card.size), used, paths, progress / "masks")
    self_train(training, len(paths), predictor, progress / "checkpoint.pt")
    told = {"adapted_from": files.sha256_of(coarse), "radiographs": len(paths), "steps": steps}
    adapted = card.model_copy(update={"training": told})
    others = (progress / "before" / STAGE_FILES[stage] for stage in ("refiner", "prior"))
    _gather(progress / "after", coarse, *(other if other.is_file() else None for other in others))
    save_weights(progress / "after" / STAGE_FILES["coarse"], training.teacher, adapted, half=True)
    return predictor


def _report(result: Adaptation, progress: Path, paths: Sequence[Path]) -> None:
    def pair(number: int) -> tuple[judging.Outlined, judging.Outlined]:
        before, after = (judging.read(progress / side / "outlined", number) for side in ("before", "after"))
        return before, after

    write_page(result.page, result.changes, paths, pair, facts=facts_of(result), refused=result.refused)
    files.write_json(result.page.with_name(RECORD_FILE), result.to_json())


def facts_of(result: Adaptation) -> dict[str, str]:
    """The adaptation in a few lines, label to text."""
    masks, changes, judged = result.pseudo_masks, result.changes, len(result.changes.radiographs)
    learned = f"{masks['used']} of {masks['outlined']} pseudo-masks, {masks['bones_used']:.0%} of their bones"
    return {
        "Radiographs": f"{result.radiographs}, of which {len(result.unread)} could not be read",
        "Learned from": learned,
        "Steps": str(result.steps),
        "Dice on synthetic hands": f"{result.dice[0]:.4f} before, {result.dice[1]:.4f} after",
        "Flags": f"{changes.flags_before} before, {changes.flags_after} after, on {judged} radiographs",
    }
