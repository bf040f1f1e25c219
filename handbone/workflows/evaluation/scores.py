"""The metrics of an evaluation: tables, means, intervals, and what could not be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from handbone import anatomy
from handbone.core.errors import UnknownNameError
from handbone.evaluation.headlines import bone_headlines, headlines, with_intervals
from handbone.evaluation.scoring import Scoring
from handbone.evaluation.tables import metrics_of, summarise, summarise_patients
from handbone.formats.image_files import Invert
from handbone.measure import Scale
from handbone.workflows.evaluation.measured import MeasuredPair, error_summary, error_table
from handbone.workflows.evaluation.pairs import AGAINST, PREDICTION, Pairs

#: Groups of bones that have intervals over patients, in all poses and in each.
GROUPS = ("all", "carpals", "metacarpals", "phalanges", "forearm")


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """What came of comparing masks with labels.

    Parameters
    ----------
    rows: the metrics table, one row for each image, stage ("against", where there is one, and "prediction") and class;
        `bone` is the class's first bone. `table` shows classes by their names.
    pairs: what was compared. scoring: how. facts: where it lay.
    failed: image to why it could not be compared. label_problems: image to what is wrong with its labels.
    scales: image to the size of its pixels. measured: both sides' measurements, where asked for.
    invert: how radiographs are read.
    """

    rows: pd.DataFrame
    pairs: Pairs
    scoring: Scoring
    facts: Mapping[str, Any]
    failed: Mapping[str, str] = field(default_factory=dict)
    label_problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scales: Mapping[str, Scale] = field(default_factory=dict)
    measured: tuple[MeasuredPair, ...] = ()
    invert: Invert = "auto"

    @property
    def stages(self) -> list[str]:
        """ "prediction" alone, or "against" and "prediction"."""
        return list(self.pairs.sources)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means with intervals over patients, as `handbone.evaluation.summarise` gives them, and each patient's means.

        Intervals and, with other predictions to compare with, changes are those of `GROUPS` and of each bone.
        """
        found = [*headlines(self.rows, groups=GROUPS), *bone_headlines(self.rows)]
        lines = pd.concat([summarise(self.rows), summarise_patients(self.rows)], ignore_index=True)
        return with_intervals(lines, found)

    @cached_property
    def named_summary(self) -> pd.DataFrame:
        """`summary` with the classes' names."""
        return self._named(self.summary, "name")

    @cached_property
    def table(self) -> pd.DataFrame:
        """`rows` with the classes' names: "Triquetrum+Pisiform" for a union."""
        return self._named(self.rows, "bone")

    @cached_property
    def measurement_errors(self) -> pd.DataFrame:
        """One row for each image, stage and measure; empty where measures were not asked for."""
        return error_table(self.measured)

    @cached_property
    def measurement_summary(self) -> pd.DataFrame:
        """Errors of each measure and bone or joint: mean, mean absolute, limits of agreement, and refusals."""
        return error_summary(self.measurement_errors)

    def dice(self, group: str = "all", *, seen: bool = False, stage: str = PREDICTION) -> float:
        """The mean Dice of a group or bone over images and then over bones, as the contest takes it.

        Parameters
        ----------
        seen: leave out bones that are empty on both sides, which the contest gives a Dice of 1.

        Raises
        ------
        UnknownNameError: a group or bone that was not scored.
        """
        lines = self.summary[self.summary["kind"].isin(("group", "bone"))].set_index("name")
        if group not in lines.index:
            raise UnknownNameError("group or bone", group, lines.index)
        return float(lines.loc[group, f"{stage}_dice_seen" if seen else f"{stage}_dice"])

    def images(self) -> pd.DataFrame:
        """One row per image, the worst first: mean Dice by stage, its change, and bones that are missed or invented.

        With other predictions to compare with, the worst is the one that lost most.
        """
        lines = []
        for name, part in self.rows.groupby("image_name", sort=False):
            line: dict[str, Any] = {"image_name": name, **{k: part[k].iloc[0] for k in ("patient_id", "side", "pose")}}
            for stage, own in part.groupby("stage", sort=False):
                line |= {f"{stage}_dice": own["dice"].mean(), f"{stage}_dice_seen": _seen(own)["dice"].mean()}
                line |= {f"{stage}_{what}": self._bones(own[own[what]]) for what in ("missed", "invented")}
            if AGAINST in self.stages:
                line["dice_change"] = line[f"{PREDICTION}_dice"] - line[f"{AGAINST}_dice"]
            lines.append(line)
        by = ["dice_change"] if AGAINST in self.stages else []
        return pd.DataFrame(lines).sort_values([*by, f"{PREDICTION}_dice"], kind="stable", ignore_index=True)

    def __repr__(self) -> str:
        counts = f"{self.rows['image_name'].nunique()} images, {len(self.failed)} failed"
        return f"{type(self).__name__}({counts}, Dice {self.dice():.4f}, metrics {', '.join(metrics_of(self.rows))})"

    def _bones(self, rows: pd.DataFrame) -> list[str]:
        return [self._names.get(bone, bone) for bone in rows["bone"]]

    @cached_property
    def _names(self) -> dict[str, str]:
        return {each.first: each.name for each in self.pairs.classes}

    def _named(self, table: pd.DataFrame, column: str) -> pd.DataFrame:
        """A table in which classes have their names; groups, poses and patients keep theirs."""
        is_bone = table[column].isin(anatomy.NAMES) & (table["kind"].eq("bone") if "kind" in table else True)
        return table.assign(**{column: table[column].where(~is_bone, table[column].map(self._names))})


def _seen(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["both_empty"].to_numpy(bool)]
