"""Escaping of foreign names and texts for terminals and spreadsheets.

Templates escape HTML themselves; all use autoescape.
"""

import re
import unicodedata
from pathlib import Path

# Cells that begin so are formulas to a spreadsheet; a tab or a line end before them does not stop it.
_FORMULA = re.compile(r"[\t\r\n ]*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def printable(text: object) -> str:
    """A text as one line that is safe for any terminal: control characters and undecodable bytes are escaped.

    >>> printable("a\\x1b[31mred.png")
    'a\\\\x1b[31mred.png'
    """
    return "".join(map(_printable, str(text)))


def _printable(character: str) -> str:
    # Cc: control; Cf: such as those that turn the direction of writing; Cs: half a pair, which stands for a byte.
    if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def markup(text: object) -> str:
    """A text escaped for rich's markup."""
    from rich.markup import escape

    return escape(printable(text))


def cell(value: object) -> object:
    """A cell for spreadsheets: a text that looks like a formula gets a leading '.

    >>> cell("=1+1.png"), cell("-0.5"), cell("a=b.png")
    ("'=1+1.png", '-0.5', 'a=b.png')
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def portable(path: str | Path) -> str:
    """A relative path as portable text, with `/`; bytes that are not valid UTF-8 become `%XX`.

    >>> portable(os.fsdecode(b"p1/caf\\xe9.png"))
    'p1/caf%E9.png'
    """
    text = Path(path).as_posix()
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        text = text.replace("%", "%25")
        return (
            "".join(f"%{ord(c) - 0xDC00:02X}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in text)
            .encode("utf-8", "replace")
            .decode("utf-8")
        )
