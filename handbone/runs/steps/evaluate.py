"""The last steps: metrics from masks and labels, and the page that shows them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from handbone.core.bone_masks import BoneMasks
from handbone.core.files import atomic_file, write_json
from handbone.core.frame import Frame
from handbone.core.progress import track
from handbone.evaluation.basis import basis, headline_rows
from handbone.evaluation.columns import GATE_FOLD
from handbone.evaluation.headlines import headlines, with_intervals
from handbone.evaluation.tables import score_images, summarise
from handbone.plugins import MetricSpec, registry
from handbone.recipe.dump import to_toml
from handbone.recipe.schema import Choice, Table
from handbone.runs.context import Context
from handbone.runs.manifest import BASIS_FILE, environment
from handbone.runs.steps.predict import STAGES_FILE, load_prediction, load_predictions

_TIMED = ("synthetic", "images", "coarse", "frames", "refiner", "prompter", "predictions", "evaluation")
_HEADLINES = ("all", "carpals", "metacarpals", "phalanges", "forearm")


def evaluate(context: Context, workdir: Path) -> None:
    """Compare coarse and merged masks with the labels.

    Leaves `metrics.csv`, `summary.csv`, `headlines.json` and, of what these are, `basis.json`.
    """
    settings = context.recipe.evaluate
    metrics = {choice.name: spec.build(checked) for choice, spec, checked in _metrics(context)}
    folds: dict[str, int] = {}
    rows = score_images(
        _scored(context, folds),
        tolerances_px=settings.nsd_tolerances_px,
        band_px=settings.boundary_band_px,
        metrics=metrics,
    )
    splits = {sample.name: name for name in ("validation", "test") for sample in context.splits[name]}
    rows.insert(1, "split", rows["image_name"].map(splits))
    rows.insert(
        2, "patient_id", rows["image_name"].map({sample.name: sample.patient_id for sample in context.predicted})
    )
    rows.insert(3, GATE_FOLD, rows["image_name"].map(folds).astype("Int64"))
    with atomic_file(workdir / "metrics.csv") as temporary:
        rows.to_csv(temporary, index=False, float_format="%.6g")
    shown = headline_rows(rows)
    summary = with_intervals(summarise(shown), headlines(shown))
    with atomic_file(workdir / "summary.csv") as temporary:
        summary.to_csv(temporary, index=False, float_format="%.6g")
    write_json(workdir / "headlines.json", _headlines(summary))
    write_json(workdir / BASIS_FILE, basis(shown))


def _metrics(context: Context) -> list[tuple[Choice, MetricSpec, Table]]:
    """The extra metrics that the recipe names, with their settings."""
    return [(choice, *registry().get("metric", choice)) for choice in context.recipe.evaluate.metrics]


def _scored(context: Context, folds: dict[str, int]) -> Iterator[tuple[str, BoneMasks, Mapping[str, BoneMasks]]]:
    """Name, true masks and masks of each stage; adds the folds whose gates decided."""
    threshold, merged = context.recipe.predict.threshold, "merged" in context.read("predictions", STAGES_FILE)
    for prediction in track(load_predictions(context), "Evaluating", total=len(context.predicted)):
        if prediction.sample.annotation is None:
            continue
        if prediction.record[GATE_FOLD] is not None:
            folds[prediction.sample.name] = prediction.record[GATE_FOLD]
        stages = {"coarse": prediction.coarse.threshold(threshold)}
        if merged:
            stages["merged"] = prediction.merged.threshold(threshold)
        yield prediction.sample.name, context.dataset.labels(prediction.sample).masks(), stages


def _headlines(summary: pd.DataFrame) -> dict[str, dict[str, float]]:
    if summary.empty:
        return {}
    groups = summary[summary["kind"] == "group"].set_index("name")
    stages = [column.removesuffix("_dice") for column in summary.columns if column.endswith("_dice")]
    return {
        name: {stage: round(float(groups.loc[name, f"{stage}_dice"]), 4) for stage in stages}
        for name in _HEADLINES
        if name in groups.index
    }


def write_page(context: Context, workdir: Path) -> None:
    """Write `report.html` with the worst and best cases, or the first images where there are no labels."""
    from handbone.report.cases import draw_case
    from handbone.report.page import write_report

    settings = context.recipe.report
    rows = headline_rows(pd.read_csv(context.step("evaluation") / "metrics.csv"))
    chosen = _worst_and_best(rows, settings.worst, settings.best) if len(rows) else []
    samples = {sample.name: sample for sample in context.predicted}
    cases = []
    for name in track(chosen or list(samples)[: settings.worst + settings.best], "Drawing the report"):
        prediction = load_prediction(context, samples[name])
        stages = [(stage, getattr(prediction, stage)) for stage in context.read("predictions", STAGES_FILE)]
        frame = next(iter(prediction.record["frames"].values()), None)
        cases.append(
            draw_case(
                name,
                context.cache.image(samples[name].image),
                [(stage, p.threshold(context.recipe.predict.threshold)) for stage, p in stages],
                ground_truth=context.dataset.labels(samples[name]).masks() if samples[name].annotation else None,
                roi=Frame.from_json(frame["frame"]) if frame else None,
                caption=frame["reason"] if frame else "",
                size=settings.image_size,
            )
        )
    records = {p.sample.name: p.record for p in load_predictions(context)}
    write_report(
        workdir / "report.html",
        title=context.recipe.name,
        rows=rows,
        cases=cases,
        histories=_histories(context),
        frames=[
            {"image_name": name, "roi": roi, **frame}
            for name, record in records.items()
            for roi, frame in record["frames"].items()
        ],
        decisions=[{"image_name": name, **d} for name, r in records.items() for d in r["decisions"]],
        failures=[(problem["file"], problem["message"]) for problem in context.problems()],
        notes=_notes(context, rows),
        lower_is_better=[choice.name for choice, spec, _ in _metrics(context) if not spec.higher_is_better],
        facts={"Run": f"{sum(context.seconds(step) for step in _TIMED) / 60:.0f} min"},
        recipe=to_toml(context.recipe),
        environment=_flat(environment()) | {"seed": context.recipe.seed},
    )


def _worst_and_best(rows: pd.DataFrame, worst: int, best: int) -> list[str]:
    last = rows[rows["stage"] == rows["stage"].iloc[-1]]
    ranked = list(last.groupby("image_name")["dice"].mean().sort_values().index)
    return list(dict.fromkeys([*ranked[:worst], *ranked[len(ranked) - best :]]))


def _histories(context: Context) -> dict[str, pd.DataFrame]:
    files = {"Coarse network": "coarse", "Refiner": "refiner"}
    if context.recipe.refine is None:
        del files["Refiner"]
    if context.recipe.prompt is not None and context.recipe.prompt.tune is not None:
        files["Mask decoder"] = "prompter"
    return {title: pd.read_csv(context.step(step) / "history.csv") for title, step in files.items()}


def _notes(context: Context, rows: pd.DataFrame) -> list[str]:
    notes = [basis(rows)]
    if context.synthetic:
        notes.append(
            "Every image here is a synthetic hand that handbone drew: the metrics say that the method works, "
            "not how well it does on radiographs."
        )
    return notes


def _flat(values: Mapping) -> dict[str, object]:
    packages = values.get("packages", {})
    return {key: value for key, value in values.items() if key != "packages"} | packages
