"""Findings about the files of a data set, each with a remedy."""

from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One finding about one file.

    Parameters
    ----------
    severity: "error" (the file or a label in it cannot be used), "warning" (usable, but probably unintended) or
        "note" (handled automatically, but worth knowing).
    rule: short name of the rule, the same for all findings of a kind ("unknown-label").
    file: path relative to the dataset's folder.
    message: what was found, as a clause.
    remedy: what to do about it.
    """

    severity: Severity
    rule: str
    file: str
    message: str
    remedy: str

    def to_json(self) -> dict[str, str]:
        """The finding as JSON values."""
        return asdict(self)
