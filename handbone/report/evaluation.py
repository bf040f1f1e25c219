"""The tables that `handbone evaluate` prints: means by group, pose and bone, and errors of measurements."""

from collections.abc import Sequence

import pandas as pd

from handbone.evaluation.bootstrap import Interval
from handbone.evaluation.tables import metrics_of
from handbone.report import numbers

_GROUPS = ("all", "carpals", "metacarpals", "phalanges", "forearm")
_IN_POSES = ("all", "carpals")


def summary_table(
    summary: pd.DataFrame, rows: pd.DataFrame, stages: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: groups, all bones and carpals in each pose where there are several, then every bone.

    Parameters
    ----------
    summary: of `handbone.evaluation.summarise`, with intervals. rows: the metrics table. stages: the last one is shown,
        with its change against the first where there are two.
    """
    shown = _metrics(rows)
    empty = any(rows[count].any() for count in ("both_empty", "missed", "invented"))
    heads = ["Bones", "Images", "Dice", "95 %"]
    heads += ["Change", "95 %"] if len(stages) > 1 else []
    heads += ["Dice seen", "Missed", "Invented"] if empty else []
    heads += [numbers.title_of(name) for name in shown]
    several = rows["pose"].nunique() > 1
    lines = []
    for line in summary.to_dict("records"):
        if not _is_shown(line["kind"], line["name"], several):
            continue
        texts = [_title(line["kind"], line["name"]), str(line["images"])]
        dice = _interval(line, f"{stages[-1]}_dice")
        texts += [numbers.value_text("dice", dice.mean), numbers.range_text("dice", dice)]
        if len(stages) > 1:
            change = _interval(line, "dice_change")
            texts += [numbers.change_text("dice", change.mean), numbers.change_range_text("dice", change)]
        if empty:
            texts.append(numbers.value_text("dice", line[f"{stages[-1]}_dice_seen"]))
            texts += [str(line[f"{stages[-1]}_{count}"]) for count in ("missed", "invented")]
        texts += [numbers.value_text(name, line[f"{stages[-1]}_{name}"]) for name in shown]
        lines.append(texts)
    return heads, lines


def measurement_table(errors: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Headings and lines: one for each measure and unit, over all its bones or joints, with the worst of these.

    Parameters
    ----------
    errors: `measurement_summary` of one stage.
    """
    heads = ["Measure", "Unit", "Compared", "One side only", "Mean error", "Absolute error", "Worst of"]
    lines = []
    for (measure, unit), part in errors.groupby(["measure", "unit"], sort=False):
        compared = part[part["images"] > 0]
        alone = int((part["only_ground_truth"] + part["only_prediction"]).sum())
        texts = [str(measure), str(unit), str(compared["images"].sum()), str(alone) if alone else ""]
        if len(compared):
            shares = compared["images"] / compared["images"].sum()
            absolute = compared["mean_absolute_error"]
            texts += [f"{(compared['bias'] * shares).sum():+.3g}", f"{(absolute * shares).sum():.3g}"]
            worst = compared.loc[absolute.idxmax()]
            texts.append(f"{worst['bone_or_joint']}: {worst['mean_absolute_error']:.3g}" if len(part) > 1 else "")
        else:
            texts += [numbers.NOTHING, numbers.NOTHING, ""]
        lines.append(texts)
    return heads, lines


def _metrics(rows: pd.DataFrame) -> list[str]:
    """The widest tolerance in each unit, and the distances."""
    names = metrics_of(rows)
    shares = [[name for name in names if name.startswith("nsd_") and name.endswith(unit)] for unit in ("px", "mm")]
    widest = [of_unit[-1] for of_unit in shares if of_unit]
    return [*widest, *(name for name in names if name.startswith(("hd95", "assd"))), "boundary_iou"]


def _is_shown(kind: str, name: str, several_poses: bool) -> bool:
    if kind == "group and pose":
        return several_poses and name.split(", ")[0] in _IN_POSES
    return name in _GROUPS if kind == "group" else kind == "bone"


def _title(kind: str, name: str) -> str:
    return ("All bones" + name[3:] if name.startswith("all") else name) if kind != "bone" else f"  {name}"


def _interval(line: dict, column: str) -> Interval:
    return Interval(line[column], line.get(f"{column}_low", float("nan")), line.get(f"{column}_high", float("nan")))
