"""The result of an evaluation as its callers get it: metrics that write themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from handbone.core.escaping import cell
from handbone.core.files import atomic_file, write_json
from handbone.workflows.evaluation.record import record_of
from handbone.workflows.evaluation.scores import Scores

METRICS_FILE, SUMMARY_FILE, RECORD_FILE, PAGE_FILE = "metrics.csv", "summary.csv", "evaluation.json", "report.html"
ERRORS_FILE, ERROR_SUMMARY_FILE = "measurement_errors.csv", "measurement_summary.csv"


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Scores):
    """What came of comparing masks with labels; see `Scores` for its tables."""

    def to_json(self) -> dict[str, Any]:
        """What `evaluation.json` holds."""
        return record_of(self)

    def write(self, folder: str | Path, *, page: bool = True) -> Path:
        """Write `metrics.csv`, `summary.csv`, `evaluation.json` and `report.html` to a folder that exists.

        With measures, `measurement_errors.csv` and `measurement_summary.csv`, too.
        """
        folder = Path(folder)
        _write_csv(self.table, folder / METRICS_FILE)
        _write_csv(self.named_summary, folder / SUMMARY_FILE)
        if self.measured:
            _write_csv(self.measurement_errors, folder / ERRORS_FILE)
            _write_csv(self.measurement_summary, folder / ERROR_SUMMARY_FILE)
        write_json(folder / RECORD_FILE, self.to_json())
        if page:
            # Late, as drawing imports more than all else.
            from handbone.workflows.evaluation.page import write_page

            write_page(self, folder / PAGE_FILE)
        return folder


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    texts = [name for name in table.columns if table[name].dtype == object]
    safe = table.assign(**{name: table[name].map(cell) for name in texts})
    with atomic_file(path) as temporary:
        safe.to_csv(temporary, index=False, float_format="%.6g")
