"""The report's metrics and their descriptions, from the metrics table."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from handbone.anatomy import CARPALS, INDEX, NAMES
from handbone.evaluation.bootstrap import Interval
from handbone.evaluation.headlines import Headline, headlines
from handbone.evaluation.tables import metrics_of
from handbone.report import numbers
from handbone.report.cases import colour_of
from handbone.report.charts import group_means
from handbone.report.labels import SHORT_NAMES

_COLUMNS = {"image_name", "bone", "stage", "dice"}


@dataclass(frozen=True)
class TableRow:
    """One line of the bone table: Dice of the first and last stage and the change; NaN if undefined."""

    name: str
    title: str
    colour: str
    first: float
    last: float
    nsd: float
    hd95: float

    @property
    def change(self) -> float:
        """Dice gained from the first to the last stage."""
        return self.last - self.first


class PageMetrics:
    """The metrics shown on the page.

    Parameters
    ----------
    rows: one row per image_name, bone and stage, with `dice` and, where computed, `nsd_*px`, `hd95_px`, `boundary_iou`,
        extra metrics, `pose`, `patient_id` and `both_empty`; stages come in the order of the method.
    lower_is_better: extra metrics of which this is true.
    """

    def __init__(self, rows: pd.DataFrame, lower_is_better: Collection[str] = ()):
        missing = _COLUMNS - set(rows)
        if missing:
            raise ValueError(f"the metrics have no column {sorted(missing)[0]!r}")
        self.rows = rows
        self._lower = lower_is_better
        self.stages = list(dict.fromkeys(rows["stage"]))
        self.first, self.last = self.stages[0], self.stages[-1]
        self.nsd_column = next((c for c in reversed(list(rows)) if c.startswith("nsd_") and c.endswith("px")), "")
        self.images = int(rows["image_name"].nunique())
        self.groups = group_means(rows)

    @property
    def two_stages(self) -> bool:
        """Whether there is anything to compare."""
        return self.first != self.last

    def table(self) -> tuple[list[TableRow], list[TableRow]]:
        """The lines of the groups and of the bones."""
        by_bone = {c: self._by_bone(c) for c in ("dice", self.nsd_column, "hd95_px") if c and c in self.rows}
        bones = []
        for name in [n for n in NAMES if n in by_bone["dice"].index]:
            at = {c: frame.loc[name] for c, frame in by_bone.items()}
            bones.append(self._line(SHORT_NAMES[INDEX[name]], name, colour_of(INDEX[name]), at))
        means = {c: group_means(self.rows, c) for c in by_bone}
        groups = [
            self._line("All bones" if g == "all" else g.capitalize(), "", "", {c: m.loc[g] for c, m in means.items()})
            for g in self.groups.index
            if self.groups.loc[g].notna().any()
        ]
        return groups, bones

    def _by_bone(self, column: str) -> pd.DataFrame:
        return self.rows.groupby(["bone", "stage"], sort=False)[column].mean().unstack("stage")

    def _line(self, name: str, title: str, colour: str, at: dict[str, pd.Series]) -> TableRow:
        nothing = pd.Series({self.last: np.nan})
        return TableRow(
            name,
            title,
            colour,
            float(at["dice"][self.first]),
            float(at["dice"][self.last]),
            float(at.get(self.nsd_column, nothing)[self.last]),
            float(at.get("hd95_px", nothing)[self.last]),
        )

    def floor(self) -> float:
        """Where the bars of the bone table start: a tenth below the lowest mean."""
        low = float(np.nanmin(self._by_bone("dice").to_numpy()))
        return float(np.clip(np.floor(low * 10 - 0.5) / 10, 0, 0.9))

    def poses(self) -> list[tuple[str, int, dict[str, float], dict[str, float]]]:
        """(pose, images, first and last Dice of all bones, of carpals); empty unless there are two poses or more."""
        if "pose" not in self.rows or self.rows["pose"].nunique() < 2:
            return []
        found = []
        for pose, part in self.rows.groupby("pose"):
            means = group_means(part)
            whole, carpals = (dict(means.loc[group]) for group in ("all", "carpals"))
            found.append((str(pose), int(part["image_name"].nunique()), whole, carpals))
        return sorted(found, reverse=True)

    def headlines(self) -> list[Headline]:
        """All bones and carpals by pose with intervals over patients; empty where the metrics name no patients."""
        return headlines(self.rows) if {"pose", "patient_id"} <= set(self.rows) else []

    @property
    def names(self) -> list[str]:
        """The columns that hold metrics."""
        return metrics_of(self.rows)

    def direction(self, metric: str, change: Interval) -> str:
        """ "up" where a metric's change is surely a gain, "down" where it is a loss, else empty."""
        lower = metric in self._lower or numbers.lower_is_better(metric)
        return numbers.direction(change, lower_is_better=lower)

    def case(self, image_name: str) -> dict | None:
        """Dice of one image: `all` and `carpals` by stage, its pose, its weakest bones, and every bone's by stage."""
        part = self.rows[self.rows["image_name"] == image_name]
        if part.empty:
            return None
        means = group_means(part)
        dice = part.pivot_table(index="bone", columns="stage", values="dice", observed=True)
        weakest = dice[self.last].nsmallest(3) if self.last in dice else pd.Series(dtype=float)
        return {
            "all": dict(means.loc["all"]),
            "carpals": dict(means.loc["carpals"]),
            "pose": str(part["pose"].iloc[0]) if "pose" in part and pd.notna(part["pose"].iloc[0]) else "",
            "weakest": [(SHORT_NAMES[INDEX[bone]], float(value)) for bone, value in weakest.items()],
            "bones": {stage: {INDEX[bone]: float(v) for bone, v in dice[stage].items()} for stage in dice},
        }

    def order(self, names: list[str]) -> list[str]:
        """The worst image first; those without metrics last."""
        mean = self.rows[self.rows["stage"] == self.last].groupby("image_name")["dice"].mean()
        return sorted(names, key=lambda name: (float(mean.get(name, np.inf)), name))

    def words(self) -> list[str]:
        """The result in sentences, most important first."""
        images = f"{self.images} image{'' if self.images == 1 else 's'}"
        everything, carpals = self.groups.loc["all"], self.groups.loc["carpals"]
        if not self.two_stages:
            sentences = [
                f"On {images} the {self.last} masks reach a mean Dice of {everything[self.last]:.3f} over all bones"
                f" and {carpals[self.last]:.3f} over the carpals."
            ]
        else:
            sentences = [
                f"On {images} the mean Dice over all bones goes from {everything[self.first]:.3f} ({self.first})"
                f" to {everything[self.last]:.3f} ({self.last}), and over the eight carpals"
                f" from {carpals[self.first]:.3f} to {carpals[self.last]:.3f}."
            ]
            sentences += self._what_changed()
        bones = self._by_bone("dice")[self.last]
        sentences.append(f"The weakest bone is {_spoken(bones.idxmin())} at {bones.min():.3f}.")
        sentences += self._what_pose_does()
        return sentences

    def _what_changed(self) -> list[str]:
        by_bone = self._by_bone("dice")
        change = by_bone[self.last] - by_bone[self.first]
        helped, degraded = int((change > 0.0005).sum()), int((change < -0.0005).sum())
        if not helped and not degraded:
            return ["No bone changes by as much as 0.001."]
        parts = []
        if helped:
            parts.append(_told(helped, "gain", change.idxmax(), change.max()))
        if degraded:
            parts.append(_told(degraded, "lose", change.idxmin(), change.min()))
        return ["; ".join(parts) + "."]

    def _what_pose_does(self) -> list[str]:
        poses = self.poses()
        if not poses:
            return []
        told = [f"{pose} {all_bones[self.last]:.3f} ({n})" for pose, n, all_bones, _ in poses]
        return [f"By pose (images): {', '.join(told)}."]


def _told(count: int, verb: str, bone: str, change: float) -> str:
    """How many bones gain or lose, and which one most."""
    if count == 1:
        return f"1 bone {verb}s, {_spoken(bone)} ({change:+.3f})"
    return f"{count} bones {verb}, {_spoken(bone)} most ({change:+.3f})"


def _spoken(bone: str) -> str:
    index = INDEX[bone]
    return bone if index in CARPALS or bone in ("Radius", "Ulna") else SHORT_NAMES[index]
