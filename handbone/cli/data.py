"""`handbone data`: check and summarise a data set, and draw synthetic hands."""

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from handbone.cli import data_labels
from handbone.cli.ending import fail_if
from handbone.cli.options import Annotations, ClassMapWords, Invert, Layout, Rle, class_map_of
from handbone.cli.output import echo_json, results
from handbone.core.escaping import markup
from handbone.core.progress import console

if TYPE_CHECKING:
    import pandas as pd

    from handbone.core.findings import Finding
    from handbone.data.dataset import Dataset
    from handbone.workflows.check_labels import LabelCheck

app = typer.Typer(help="Check, summarise and draw data; compare and merge labels.", no_args_is_help=True)
app.command("diff")(data_labels.diff)
app.command("merge")(data_labels.merge)

Folder = Annotated[Path, typer.Argument(help="The data set's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
_SHOWN = 5  # files listed for each rule; --json lists all


@app.command("check")
def check(
    path: Folder,
    layout: Layout = "auto",
    annotations: Annotations = None,
    class_map: ClassMapWords = None,
    invert: Invert = "auto",
    rle: Rle = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="Compare labels with the predictions of trained weights.")
    ] = False,
    weights: Annotated[
        str, typer.Option("--weights", "-w", metavar="NAME_OR_RUN", help="With --labels: weights by name, or a run.")
    ] = "zero_shot",
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --labels: folder for the page and its images.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Report everything that is wrong or odd, file by file; change nothing. Exits with 1 if there are errors.

    With --labels, trained weights segment every labelled image. Labels that look swapped, shifted, missing or
    duplicated are reported as warnings, worst first. The weights can be wrong: check before you correct. Not a medical
    device.
    """
    from handbone.data.audit.check import check_dataset

    if out and not labels:
        raise typer.BadParameter("this option needs --labels", param_hint="--output")
    dataset = _open(path, layout, annotations, class_map, invert, rle)
    checks, page = _compare_labels(dataset, weights, out) if labels else ([], None)
    findings = check_dataset(dataset)
    if labels:
        from handbone.workflows.check_labels import with_label_findings

        findings = with_label_findings(findings, checks)
    if as_json:
        content = {"path": str(path), "layout": dataset.layout, "images": len(dataset), "findings": findings}
        told = [check for check in checks if check.errors or check.problem]
        judged = {"weights": weights, "labels": told, "page": page and str(page)}
        echo_json(content | (judged if labels else {}), "data.check/1")
    else:
        _show_findings(findings)
        counts = {severity: sum(f.severity == severity for f in findings) for severity in _COLOURS}
        said = ", ".join(f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts.items())
        results().print(f"{len(dataset)} images in the layout '{dataset.layout}': {said}")
        if labels:
            _say_labels(checks, weights, page)
    fail_if(any(f.severity == "error" for f in findings))


@app.command("summary")
def summary(
    path: Folder,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the page, tables and images.")] = None,
    layout: Layout = "auto",
    annotations: Annotations = None,
    class_map: ClassMapWords = None,
    invert: Invert = "auto",
    rle: Rle = None,
    as_json: AsJson = False,
) -> None:
    """Show bone areas, overlaps, poses, outliers and both hands of each patient; with -o, write a page with images."""
    from handbone.data.cache import ImageCache
    from handbone.data.summary import summarise
    from handbone.data.summary_page import write_summary

    dataset = _open(path, layout, annotations, class_map, invert, rle)
    result = summarise(dataset)
    page = write_summary(result, dataset, out, ImageCache(invert=invert)) if out else None
    bones, images = result.bones(), result.images
    if as_json:
        tables = {
            "bones": bones,
            "overlaps": result.overlaps,
            "patients": result.patients,
            "outliers": result.outliers(),
        }
        tables["images"] = images
        content = {name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}
        echo_json(
            {"path": str(path), "page": page and str(page), "left_out": result.left_out, **content}, "data.summary/1"
        )
    else:
        _show_bones(bones)
        poses = ", ".join(f"{n} {pose}" for pose, n in images["pose"].value_counts().items()) or "no labels"
        patients = images["patient_id"].nunique()
        results().print(f"{len(images)} images of {patients} patients; {poses}; {len(result.outliers())} odd areas")
        for finding in result.left_out:
            console.print(f"[yellow]left out[/yellow] {markup(finding.message)}", highlight=False)
        if page:
            results().print(f"Page, tables and images: {markup(page)}", soft_wrap=True)
    fail_if(result.left_out)


@app.command("draw")
def draw(
    out: Annotated[Path, typer.Option("--output", "-o", help="New folder for the set.")],
    count: Annotated[int, typer.Option(min=1, help="Number of training images.")] = 60,
    test: Annotated[int, typer.Option(min=0, help="Number of additional test images.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Random seed; the same seed draws the same files.")] = 0,
    size: Annotated[int, typer.Option(min=64, max=4096, help="Height and width in pixels.")] = 2048,
    variety: Annotated[
        Literal["upright_adult", "diverse"],
        typer.Option(
            help="upright_adult: upright adult hands as in the contest; diverse: any age, rotation, crop and style."
        ),
    ] = "upright_adult",
    looks: Annotated[
        Literal["training", "held_out"],
        typer.Option(help="held_out: image processing and bone texture never used in training, for evaluation."),
    ] = "training",
    as_json: AsJson = False,
) -> None:
    """Draw radiographs of synthetic hands, with exact labels, in the contest layout."""
    from handbone.synthetic.write import write_contest_set

    folder = write_contest_set(
        out, train=count, test=test, seed=seed, size=size, variety=variety, looks=looks, progress=not as_json
    )
    if as_json:
        drawn = {"train": count, "test": test, "seed": seed, "size": size, "variety": variety, "looks": looks}
        echo_json({"path": str(folder), **drawn}, "data.draw/1")
    else:
        results().print(f"{count} training and {test} test images in {markup(folder)}", soft_wrap=True)


def _open(
    path: Path,
    layout: Layout,
    annotations: Annotations,
    class_map: ClassMapWords,
    invert: Invert,
    rle: Rle,
) -> "Dataset":
    from pydantic import ValidationError

    from handbone.data.dataset import open_dataset
    from handbone.recipe.schema import Data

    given: dict[str, Any] = {
        "path": str(path),
        "layout": layout,
        "annotations": annotations,
        "class_map": chosen.table() if (chosen := class_map_of(class_map)) else {},
        "invert": invert,
        "rle": ",".join(rle or []) or None,
    }
    try:
        settings = Data(**given)
    except ValidationError as error:
        wrong = (f"{e['loc'][0]}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors())
        raise typer.BadParameter("; ".join(wrong)) from None
    return open_dataset(settings)


def _compare_labels(dataset: "Dataset", weights: str, out: Path | None) -> "tuple[list[LabelCheck], Path | None]":
    """Compare labels with trained weights, and write a page if `out` is given; checks `out` before the work starts."""
    from handbone.workflows.label_page import require_free, write_label_page

    if out:
        require_free(out)
    from handbone.method.two_stage import TwoStage
    from handbone.workflows.check_labels import check_labels

    checks = check_labels(dataset, TwoStage.from_path(weights))
    return checks, write_label_page(checks, dataset, out, weights=weights) if out else None


def _say_labels(checks: "list[LabelCheck]", weights: str, page: Path | None) -> None:
    doubtful = sum(bool(check.bones) for check in checks)
    not_judged = sum(bool(check.errors) and not check.bones for check in checks)
    said = f"labels of {doubtful} of {len(checks)} images are doubtful; {not_judged} could not be checked"
    results().print(f"{said}, according to the weights '{markup(weights)}', which can be wrong", soft_wrap=True)
    if page:
        results().print(f"Page, table and images: {markup(page)}", soft_wrap=True)


def _show_findings(findings: "list[Finding]") -> None:
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.severity, finding.rule].append(finding)
    table = Table("what", "where", "found", "what to do", show_lines=False, padding=(0, 1))
    for (severity, rule), group in groups.items():
        for place, finding in enumerate(group[:_SHOWN]):
            kind = f"[bold {_COLOURS[severity]}]{severity}[/] {rule}" if place == 0 else ""
            remedy = markup(finding.remedy) if place == 0 or finding.remedy != group[place - 1].remedy else ""
            table.add_row(kind, markup(finding.file), markup(finding.message), remedy)
        if len(group) > _SHOWN:
            table.add_row("", f"[dim]and {len(group) - _SHOWN} more (all with --json)[/dim]", "", "")
        table.add_section()
    if findings:
        results().print(table)


def _show_bones(bones: "pd.DataFrame") -> None:
    if not len(bones):
        return
    table = Table("bone", "", "hands", "area, px", "middle half", "odd")
    for row in bones.itertuples():
        odd = f"[yellow]{row.outliers}[/yellow]" if row.outliers else ""
        middle = f"{row.area_q25:,.0f} to {row.area_q75:,.0f}"
        table.add_row(row.bone, f"[dim]{row.title}[/dim]", str(row.hands), f"{row.area:,.0f}", middle, odd)
    results().print(table)
