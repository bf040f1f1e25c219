"""The line of each key in a TOML text.

`tomllib` reads values without their positions, so this module walks a second time over a text that `tomllib` has
already accepted: it only has to find where keys and values end, not whether they are valid.
"""

import re
import tomllib
from bisect import bisect_right

#: Keys and list indices from the top of the file: `("coarse", "train", "loss", 0, "name")`.
KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, of every table, key and list item of a valid TOML text.

    >>> key_lines('name = "a"\\n[coarse]\\nsize = 64\\n')
    {('name',): 1, ('coarse',): 2, ('coarse', 'size'): 3}
    """
    return _Walk(text).lines


class _Walk:
    """One pass over the text; `at` is the place reached."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.breaks = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[KeyPath, int] = {}
        self.tables_in_list: dict[KeyPath, int] = {}
        table: KeyPath = ()
        while self._skip(_BLANK) and self.at < len(text):
            if text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)

    def _skip(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        assert match, f"{pattern.pattern!r} is not at {self.at}: the text is not valid TOML"
        self.at = match.end()
        return match

    def _note(self, path: KeyPath, at: int) -> None:
        """Remember a path's line, and its tables' where the text names them here for the first time."""
        line = bisect_right(self.breaks, at - 1) + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _header(self) -> KeyPath:
        start, in_list = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if in_list else 1
        table: KeyPath = ()
        names = self._dotted()
        for name in names[:-1]:
            table = (*table, name)
            if table in self.tables_in_list:
                table = (*table, self.tables_in_list[table])
        table = (*table, names[-1])
        if in_list:
            self.tables_in_list[table] = self.tables_in_list.get(table, -1) + 1
            table = (*table, self.tables_in_list[table])
        self.at += 2 if in_list else 1
        self._note(table, start)
        # A header says more about a table than an earlier mention of it in passing ([a.b] before [a]).
        self.lines[table] = bisect_right(self.breaks, start - 1) + 1
        return table

    def _dotted(self) -> tuple[str, ...]:
        names = []
        while True:
            name = self._skip(_KEY)[1]
            names.append(next(iter(tomllib.loads(f"{name} = 0"))))
            if not self.text.startswith(".", self.at):
                return tuple(names)
            self.at += 1

    def _pair(self, table: KeyPath) -> None:
        start = self.at
        path = (*table, *self._dotted())
        self._note(path, start)
        self.at += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        opening = self.text[self.at]
        if opening in "\"'":
            self._skip(_STRING)
        elif opening == "[":
            self._items(path)
        elif opening == "{":
            self.at += 1
            while not self._closes("}"):
                self._pair(path)
        else:
            self._skip(_SCALAR)

    def _items(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while not self._closes("]"):
            self._note((*path, index), self.at)
            self._value((*path, index))
            index += 1

    def _closes(self, bracket: str) -> bool:
        """Step over blanks and commas, and over the closing bracket where it comes next."""
        self._skip(_BLANK)
        while self.text.startswith(",", self.at):
            self.at += 1
            self._skip(_BLANK)
        closes = self.text.startswith(bracket, self.at)
        self.at += closes
        return closes
