"""`handbone refine`: the second stage alone, on a run's or anyone's coarse predictions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from handbone.cli.options import Rle
from handbone.cli.output import echo_json
from handbone.cli.output import results as results_console
from handbone.core.escaping import markup

if TYPE_CHECKING:
    from rich.table import Table

    from handbone.method.prompt import PromptStage
    from handbone.method.two_stage import TwoStage
    from handbone.workflows.refine import Refined
    from handbone.workflows.refine_sources import Source

_SHOWN = 10  # images with an error or a fallback that are printed; refinement.json has all


def command(
    classes: Annotated[
        str, typer.Option("--classes", "-c", metavar="NAMES", help="Bones and groups: wrist, thumb, Capitate,Lunate.")
    ] = "wrist",
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="A finished run.  [default: the latest]")
    ] = None,
    coarse: Annotated[
        Path | None, typer.Option("--coarse", metavar="CSV", help="Anyone's predictions in the contest format.")
    ] = None,
    images: Annotated[Path | None, typer.Option("--images", metavar="DIR", help="The images of --coarse.")] = None,
    invert: Annotated[
        Literal["auto", "yes", "no"],
        typer.Option(help="Turn radiographs of --images round that show bones dark; auto: those that look like it."),
    ] = "auto",
    rle: Rle = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")] = Path(
        "refined"
    ),
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            "-w",
            metavar="NAME_OR_RUN",
            help="The refiner: weights by name, or a run.  [default: the run's own, else zero_shot]",
            show_default=False,
        ),
    ] = None,
    sam: Annotated[
        str | None,
        typer.Option(
            "--sam",
            metavar="CHECKPOINT",
            help="Then prompt segment-anything: a checkpoint (vit_b, vit_l, vit_h), or litemedsam with its plugin.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a refinement that OUT holds already.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Read the wrist, or other bones, again at full resolution, and keep what is credible.

    OUT gets predictions.csv with the same rows, of which only those bones change, an overlay of before and after for
    each image, decisions.csv with the reason of every decision, and refinement.json. An image that cannot be read
    keeps its rows and is listed; the exit code is then 1. Not a medical device.
    """
    from handbone.anatomy import select
    from handbone.workflows.refine import RECORD_FILE, refine_predictions, refine_results, refinement_json

    bones = select(classes)
    results = refine_results(output)
    overwrite = results.put_right() or overwrite
    results.check(overwrite=overwrite, names=[RECORD_FILE])
    source = _source(run, coarse, images, invert, rle or [])
    method, name = _method(source, weights)
    rois = method.for_bones(bones)
    method.prompt_stage = _prompts(method, classes, sam) if sam else None
    facts = {
        "weights": name,
        "invert": source.invert,
        "classes": classes,
        "sam": sam,
        "source": str(coarse or source.folder),
    }
    records = refine_predictions(source, method, rois, results, facts=facts, overwrite=overwrite)
    if as_json:
        echo_json(refinement_json(records, method, facts))
    else:
        _show(records, output, invert)
    if any(record.error for record in records):
        raise typer.Exit(1)


def _source(run: Path | None, coarse: Path | None, images: Path | None, invert: str, rle: list[str]) -> "Source":
    from handbone.core.rle_reading import RleReading
    from handbone.runs.load_run import latest_run
    from handbone.workflows.refine_sources import ForeignFile, RunSource

    if rle and coarse is None:
        raise typer.BadParameter("this says how the run lengths of --coarse are meant", param_hint="--rle")
    if coarse is None and images is None:
        if invert != "auto":
            raise typer.BadParameter(
                "a run has read its radiographs by its recipe's data.invert", param_hint="--invert"
            )
        return RunSource(run or latest_run())
    if run is not None:
        raise typer.BadParameter("give either --run, or --coarse with --images", param_hint="--run")
    if coarse is None or images is None:
        raise typer.BadParameter("--coarse and --images belong together", param_hint="--coarse")
    return ForeignFile(coarse, images, invert=invert, reading=RleReading.parse(rle))


def _method(source: "Source", weights: str | None) -> "tuple[TwoStage, str]":
    """The refiner: as asked for, else the run's own, else the shipped one."""
    from handbone.core.errors import HandboneError
    from handbone.method.two_stage import TwoStage
    from handbone.weights import STAGE_FILES

    folder = getattr(source, "folder", None)
    if weights is None:
        own = folder is not None and (folder / "weights" / STAGE_FILES["refiner"]).is_file()
        weights = str(folder) if own else "zero_shot"
    method = TwoStage.from_path(weights)
    if method.refine_stage is None:
        raise HandboneError("there is no refiner", where=weights, remedy="give a run that has both stages")
    return method, weights


def _prompts(method: "TwoStage", classes: str, sam: str) -> "PromptStage":
    """Segment-anything for the same bones, in the refiner's first ROI, behind the same gate."""
    from handbone.method.prompt import PromptSettings, PromptStage
    from handbone.networks.prompters import build_prompter, choose
    from handbone.recipe.schema import Prompt

    prompt = Prompt(prompter=choose(sam), bones=tuple(name.strip() for name in classes.split(",")))
    settings = PromptSettings(prompt=prompt, roi=method.settings.roi, merge=method.settings.merge)
    return PromptStage(build_prompter(prompt.prompter, where="--sam"), settings)


def _show(records: "list[Refined]", output: Path, invert: str) -> None:
    console = results_console()
    console.print(_table(records))
    troubled = [(r.name, r.error or _fallbacks(r)) for r in records if r.error or _fallbacks(r)]
    for name, trouble in troubled[:_SHOWN]:
        console.print(f"[yellow]look again[/yellow] {markup(name)}: {markup(trouble)}", soft_wrap=True, highlight=False)
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

    from handbone.workflows.refine import decisions_table

    table = Table("Bone", "Refined", "Kept", "Agreement", "Kept because")
    decisions = decisions_table(records)
    if decisions.empty:
        return table
    for bone, rows in decisions.groupby("bone", sort=False):
        kept = rows[~rows["used"]]
        why = kept["reason"].str.replace(r" \(.*", "", regex=True).mode()
        agreement = f"{rows['agreement'].mean():.3f}"
        table.add_row(bone, str(len(rows) - len(kept)), str(len(kept) or ""), agreement, "" if why.empty else why[0])
    return table
