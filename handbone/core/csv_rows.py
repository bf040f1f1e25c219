"""Tables for programs and spreadsheets, written row by row."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from handbone.core.files import atomic_file


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, digits: int = 17) -> None:
    """Write a CSV file atomically, in UTF-8 with line feeds.

    Parameters
    ----------
    columns: keys of the rows. A key that a row lacks, None and NaN become an empty cell.
    digits: significant ones of floats; by default as few as give the same float again.
    """
    with atomic_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_text(row.get(column), digits) for column in columns])


def _text(value: Any, digits: int) -> Any:
    if not isinstance(value, float):
        return value
    if value != value:
        return ""
    return repr(float(value)) if digits == 17 else f"{value:.{digits}g}"
