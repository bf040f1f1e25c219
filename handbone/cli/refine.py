"""`handbone refine`: the second stage alone, on a run's or anyone's coarse predictions."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import typer

from handbone.cli import refine_options as options
from handbone.cli.ending import finish, resumable
from handbone.cli.options import AsJson, Cluster, JoinShards, Output, Rle, RuntimeOption, ShardWord, Workers
from handbone.cli.output import echo_json_entries
from handbone.cli.output import results as results_console
from handbone.cli.sharding import part_of
from handbone.core.collection import no_collection
from handbone.core.escaping import markup

if TYPE_CHECKING:
    from rich.table import Table

    from handbone.formats.image_files import Invert
    from handbone.method.two_stage import TwoStage
    from handbone.networks.exported import Runtime
    from handbone.workflows.refine import Refined
    from handbone.workflows.refine_sources import Source

_SHOWN = 10  # images with an error or a fallback that are printed; refinement.json has all


def command(
    classes: options.Classes = "wrist",
    run: options.Run = None,
    coarse: options.Coarse = None,
    images: options.Images = None,
    invert: options.InvertOption = None,
    rle: Rle = None,
    output: Output = Path("refined"),
    weights: options.Weights = None,
    runtime: RuntimeOption = "auto",
    sam: options.Sam = None,
    workers: Workers = 1,
    cluster: Cluster = None,
    shard: ShardWord = None,
    join: JoinShards = False,
    overwrite: options.Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Refine the wrist, or other bones, at full resolution, and keep a refined mask only if the gate accepts it.

    OUT gets predictions.csv with the same rows, of which only those bones change, an overlay of before and after for
    each image, decisions.csv with the reason of every decision, and refinement.json. An image that fails keeps its
    rows and is listed; the exit code is then 1. The same command goes on where it was stopped, and tries failed
    images again. Not a medical device.
    """
    with no_collection():
        from functools import partial

        from handbone.anatomy import select
        from handbone.workflows.crews import crew_of
        from handbone.workflows.records import IMAGES
        from handbone.workflows.refine import RECORD_FILE, refine_predictions, refine_results, refinement_head
        from handbone.workflows.refine_join import join_refined
        from handbone.workflows.shard_join import joined_head
        from handbone.workflows.shards import finished_shards
        from handbone.workflows.stored_results import is_unfinished, prediction_fingerprint
        from handbone.workflows.tasks import here

    bones, part, crew = select(classes), part_of(shard, join=join), crew_of(workers, cluster)
    place = part.folder(output) if part else output
    results = refine_results(place)
    interrupted = results.put_right()
    own_run = _run(run, coarse, images, invert, rle or [])
    method, name = _method(own_run, weights, classes, sam, runtime)
    method.for_bones(bones)  # refuses those that it does not know
    open_source = partial(_source, own_run, coarse, images, invert or method.settings.invert, rle or [])
    source = open_source()
    fingerprint = prediction_fingerprint(
        name,
        settings=method.settings.model_dump(mode="json", by_alias=True),
        invert=source.invert,
        classes=bones,
        runtime=runtime,
        prompter=method.prompter and method.prompter.encoder_id,
    )
    goes_on = interrupted or (not overwrite and is_unfinished(place, fingerprint, record_file=RECORD_FILE))
    results.check(overwrite=overwrite or goes_on, names=[RECORD_FILE])
    opened = (lambda: source) if crew is here else open_source  # other processes make their own
    if join:
        shards = finished_shards(output, fingerprint, record_file=RECORD_FILE)
        head = joined_head(shards, RECORD_FILE)
        work = partial(join_refined, shards, opened)
    else:
        facts = {
            "weights": name,
            "invert": source.invert,
            "classes": classes,
            "sam": sam,
            "source": str(coarse or own_run),
            "shard": shard,
            "fingerprint": fingerprint,
        }
        head = refinement_head(method.threshold, facts)
        work = partial(
            refine_predictions,
            opened,
            (lambda: method) if crew is here else partial(_refiner, own_run, weights, classes, sam, runtime),
            bones,
            earlier=[place] if goes_on else [],
            shard=part,
            crew=crew,
        )
    with resumable():
        records: list[Refined] = work(
            results=results, fingerprint=fingerprint, head=head, overwrite=overwrite or goes_on
        )
    tell = partial(echo_json_entries, head, IMAGES, map(asdict, records))
    failed = any(record.error for record in records)
    finish(as_json, tell, partial(_show, records, place, source.invert), failed=failed)


def _run(run: Path | None, coarse: Path | None, images: Path | None, invert: str | None, rle: list[str]) -> Path | None:
    """The run whose predictions are refined; None for anyone's file."""
    from handbone.runs.load_run import latest_run

    if rle and coarse is None:
        raise typer.BadParameter("this says how the run lengths of --coarse are meant", param_hint="--rle")
    if coarse is None and images is None:
        if invert is not None:
            raise typer.BadParameter(
                "--invert needs --images, because a run uses its recipe's data.invert", param_hint="--invert"
            )
        return run or latest_run()
    if run is not None:
        raise typer.BadParameter("give either --run, or --coarse with --images", param_hint="--run")
    if coarse is None or images is None:
        raise typer.BadParameter("--coarse and --images must be given together", param_hint="--coarse")
    return None


def _source(run: Path | None, coarse: Path | None, images: Path | None, invert: "Invert", rle: list[str]) -> "Source":
    from handbone.core.rle_reading import RleReading
    from handbone.workflows.refine_sources import ForeignFile, RunSource

    if coarse is None or images is None:
        assert run is not None  # `_run` has seen to it
        return RunSource(run)
    return ForeignFile(coarse, images, invert=invert, reading=RleReading.parse(rle))


def _refiner(run: Path | None, weights: str | None, classes: str, sam: str | None, runtime: "Runtime") -> "TwoStage":
    return _method(run, weights, classes, sam, runtime)[0]


def _method(
    run: Path | None, weights: str | None, classes: str, sam: str | None, runtime: "Runtime"
) -> "tuple[TwoStage, str]":
    """The refiner with its name: as asked for, else the run's own, else the shipped one."""
    from handbone.core.errors import HandboneError
    from handbone.method.two_stage import TwoStage
    from handbone.runs.load_run import finished_run
    from handbone.weights import STAGE_FILES

    if run is not None:
        finished_run(run)
    if weights is None:
        own = run is not None and (run / "weights" / STAGE_FILES["refiner"]).is_file()
        weights = str(run) if own else "zero_shot"
    method = TwoStage.from_path(weights, runtime=runtime, refining=True)
    if method.refine_stage is None:
        raise HandboneError("these weights have no refiner", where=weights, remedy="choose a run with both stages")
    return _prompting(method, classes, sam), weights


def _prompting(method: "TwoStage", classes: str, sam: str | None) -> "TwoStage":
    """The method with the prompted stage that is asked for, else with its own; it changes the same bones alone."""
    from dataclasses import replace

    from handbone.anatomy import NAMES, select
    from handbone.method.settings import PromptSettings
    from handbone.networks.prompters import build_prompter, choose
    from handbone.recipe.schema import Prompt

    settings, prompter, chosen = method.settings, method.prompter, select(classes)
    if sam is None and settings.prompt is not None:
        both = tuple(NAMES[bone] for bone in select(settings.prompt.prompt.bones) if bone in chosen)
        own = settings.prompt.prompt.model_copy(update={"bones": both})
        prompt = settings.prompt.model_copy(update={"prompt": own}) if both else None
    elif sam in (None, "none"):
        prompt = None
    else:
        assert settings.refiner is not None  # `_method` refuses weights without a refiner
        # In the refiner's first ROI, behind the same limits.
        asked = Prompt(prompter=choose(sam), bones=tuple(name.strip() for name in classes.split(",")))
        prompt = PromptSettings(prompt=asked, roi=settings.refiner.roi, merge=settings.refiner.merge)
        prompter = build_prompter(asked.prompter, where="--sam")
    settings = settings.model_copy(update={"prompt": prompt})
    return replace(method, settings=settings, prompter=None if prompt is None else prompter)


def _show(records: "list[Refined]", output: Path, invert: str) -> None:
    console = results_console()
    console.print(_table(records))
    troubled = [(r.name, r.error or _fallbacks(r)) for r in records if r.error or _fallbacks(r)]
    for name, trouble in troubled[:_SHOWN]:
        console.print(f"[yellow]check[/yellow] {markup(name)}: {markup(trouble)}", soft_wrap=True, highlight=False)
    if len(troubled) > _SHOWN:
        console.print(f"and {len(troubled) - _SHOWN} more in refinement.json", highlight=False)
    turned = [r.name for r in records if r.inverted and invert == "auto"]
    for name in turned[:_SHOWN]:
        said = "bones look dark, so it was turned round; if that is wrong, give --invert no"
        console.print(f"[yellow]inverted[/yellow] {markup(name)}: {said}", soft_wrap=True, highlight=False)
    if len(turned) > _SHOWN:
        console.print(f"and {len(turned) - _SHOWN} more in refinement.json", highlight=False)
    done = [r for r in records if not r.error]
    seconds = sum(sum(r.seconds.values()) for r in done) / max(1, len(done))
    console.print(
        f"{len(done)} of {len(records)} images refined, {seconds:.2f} s each: {markup(output)}", soft_wrap=True
    )


def _fallbacks(record: "Refined") -> str:
    found = [f"{frame['fallback']} ROI, {frame['reason']}" for frame in record.frames.values() if frame["reason"]]
    return "; ".join(found)


def _table(records: "list[Refined]") -> "Table":
    from rich.table import Table

    from handbone.workflows.refine import decision_rows

    table = Table("Bone", "Refined", "Kept", "Agreement", "Kept because")
    of_bone: dict[str, list[dict[str, Any]]] = {}
    for row in decision_rows(records):
        of_bone.setdefault(row["bone"], []).append(row)
    for bone, rows in of_bone.items():
        # Most frequent first, by name where two are alike; without the numbers in brackets.
        kept = sorted(row["reason"].partition(" (")[0] for row in rows if not row["used"])
        why = Counter(kept).most_common(1)
        agreement = f"{fmean(row['agreement'] for row in rows):.3f}"
        table.add_row(bone, str(len(rows) - len(kept)), str(len(kept) or ""), agreement, why[0][0] if why else "")
    return table
