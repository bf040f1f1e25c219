"""The contest's `meta_data.xlsx`: age, sex, height, weight and nails of the patients, under Korean headers."""

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding

if TYPE_CHECKING:
    import pandas as pd

NAME = "meta_data.xlsx"

#: Column to words of which one stands in its header; in the order in which they are looked for.
_HEADERS = {
    "patient_id": ("id", "아이디", "번호"),
    "age": ("나이", "연령", "age"),
    "sex": ("성별", "sex", "gender"),
    "height_cm": ("신장", "키", "height"),
    "weight_kg": ("체중", "몸무게", "weight"),
    "nails": ("네일", "손톱", "매니큐어", "nail"),
}
_SEXES = {"남": "M", "남자": "M", "남성": "M", "m": "M", "male": "M", "여": "F", "여자": "F", "여성": "F", "f": "F"}
_SEXES |= {"female": "F"}
# Office writes control characters into cells as _x0008_ (here a backspace).
_ESCAPED = re.compile(r"_x[0-9A-Fa-f]{4}_|[\x00-\x08\x0b-\x1f]")
_LARGEST, _MOST_ROWS, _MOST_COLUMNS = 1 << 25, 1 << 16, 256


def find_patients(root: Path) -> Path | None:
    """The file in a dataset's folder; None without one."""
    return next((p for p in (root / NAME, root / "train" / NAME, root / "test" / NAME) if p.is_file()), None)


def read_patients(path: Path) -> "tuple[pd.DataFrame, list[Finding]]":
    """One row a patient: patient ("ID001") and, where the file has them, age, sex ("M", "F"), height_cm, weight_kg,
    nails.

    Returns
    -------
    The table, and findings about cells that had to be cleaned or could not be understood.

    Raises
    ------
    HandboneError: the file is no workbook, or has no column of ids.
    """
    import openpyxl
    import pandas as pd

    try:
        _check_size(path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = list(book.worksheets[0].iter_rows(max_row=_MOST_ROWS, max_col=_MOST_COLUMNS, values_only=True))
        book.close()
    except HandboneError:
        raise
    except Exception as error:  # openpyxl lets errors of zipfile, of XML and its own through
        remedy = "save it again as .xlsx, or remove it: it is not needed for training"
        raise HandboneError(f"is not a workbook: {error}", where=path, remedy=remedy) from None
    header = [str(_clean(cell) or "").lower() for cell in rows[0]] if rows else []
    columns = _columns(header)
    if "patient_id" not in columns:
        what = f"no column of ids among the headers {', '.join(filter(None, header)) or '(none)'}"
        raise HandboneError(what, where=path, remedy="call one column ID")
    filled = [row for row in rows[1:] if any(cell is not None for cell in row)]
    cells = [row for row in filled if _clean(row[columns["patient_id"]]) is not None]
    table = pd.DataFrame({name: [_clean(row[index]) for row in cells] for name, index in columns.items()})
    table["patient_id"] = table["patient_id"].map(_patient)
    if "sex" in table:
        table["sex"] = table["sex"].map(lambda v: _SEXES.get(str(v).lower()))
    for name in ("age", "height_cm", "weight_kg"):
        if name in table:
            table[name] = pd.to_numeric(table[name], errors="coerce")
    return table, [*_unnamed(path, len(filled) - len(cells)), *_findings(path, cells, table)]


def _check_size(path: Path) -> None:
    """Refuse a workbook that unpacks to more than any table of patients takes."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > _LARGEST:
        what = f"unpacks to {unpacked / 1e6:.0f} MB, more than {_LARGEST / 1e6:.0f}"
        raise HandboneError(
            what, where=path, remedy="save only the table, or remove the file, which training does not need"
        )


def _columns(header: list[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for name, words in _HEADERS.items():
        for index, title in enumerate(header):
            if index not in columns.values() and any(_stands_in(word, title) for word in words):
                columns[name] = index
                break
    return columns


def _stands_in(word: str, title: str) -> bool:
    """Whether a header has a word: "id" is none of "side", but ends "patientid"; Korean parts no words by spaces."""
    if not word.isascii():
        return word in title
    return bool(re.search(rf"(?<![a-z]){word}s?(?![a-z])", title)) or (word == "id" and title.endswith("patientid"))


def _clean(cell: Any) -> Any:
    return (_ESCAPED.sub("", cell).strip() or None) if isinstance(cell, str) else cell


def _patient(cell: Any) -> str:
    """ "ID001" from 1, 1.0, "1" and "ID001"."""
    text = str(cell).strip()
    if re.fullmatch(r"[0-9]{1,15}(\.0)?", text):
        return f"ID{int(float(text)):03}"
    return text


def _unnamed(path: Path, count: int) -> list[Finding]:
    """Rows that are nobody's, such as a line of means below the table."""
    if not count:
        return []
    message = f"{count} rows have no id"
    return [Finding("note", "patients-unnamed", path.name, message, "no action needed: they are ignored")]


def _findings(path: Path, cells: list[tuple], table: "pd.DataFrame") -> list[Finding]:
    findings = []
    escaped = sum(isinstance(cell, str) and bool(_ESCAPED.search(cell)) for row in cells for cell in row)
    if escaped:
        message = f"{escaped} cells contain control characters such as _x0008_"
        findings.append(Finding("note", "patients-cells", path.name, message, "no action needed: they are ignored"))
    for name in set(table) - {"patient_id", "nails"}:
        empty = table.loc[table[name].isna(), "patient_id"].tolist()
        if empty:
            message = f"{name} is not readable for {', '.join(empty[:5])}{' and others' if len(empty) > 5 else ''}"
            findings.append(
                Finding("note", "patients-gaps", path.name, message, "fill in the cells if you know the values")
            )
    twice = table.loc[table["patient_id"].duplicated(), "patient_id"].tolist()
    if twice:
        message = f"more than one row for {', '.join(twice)}"
        findings.append(Finding("warning", "patients-repeated", path.name, message, "keep one row per patient"))
    return findings
