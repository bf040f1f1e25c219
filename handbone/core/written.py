"""A record of the files that handbone wrote to a folder, so that no other file is ever replaced or removed."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from handbone import __version__
from handbone.core.files import sha256_of, write_json

#: The record's file in the folder that it tells of.
WRITTEN_FILE = ".handbone.json"


@dataclass(frozen=True)
class Written:
    """The files that a command wrote into a folder.

    Parameters
    ----------
    what: what they are, such as "predictions". files: relative path with `/` to sha256.
    """

    what: str
    files: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> "Written | None":
        """A folder's record; None without a usable one."""
        try:
            value = json.loads((folder / WRITTEN_FILE).read_text(encoding="utf-8"))
            files = {str(name): str(digest) for name, digest in value["files"].items()}
            # A record may come with a folder from anywhere: what it says of places outside of it is not believed.
            return cls(str(value["what"]), {name: digest for name, digest in files.items() if _is_below(name)})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    @classmethod
    def of(cls, what: str, folder: Path, files: Iterable[Path]) -> "Written":
        """The record of files in a folder, as they are now."""
        return cls(what, {path.relative_to(folder).as_posix(): sha256_of(path) for path in files})

    def write(self, folder: Path) -> None:
        """Leave the record in a folder."""
        value = {"schema": "handbone.written/1", "handbone": __version__, "what": self.what, "files": dict(self.files)}
        write_json(folder / WRITTEN_FILE, value)

    def is_own(self, folder: Path, name: str) -> bool:
        """Whether a file of the folder is one that was written, and still as it was."""
        path = folder / name
        digest = self.files.get(name)
        return digest is not None and path.is_file() and not path.is_symlink() and sha256_of(path) == digest

    def changed(self, folder: Path) -> list[str]:
        """The files that were written and are not as they were; those that are gone do not count."""
        there = (name for name in self.files if os.path.lexists(folder / name))
        return sorted(name for name in there if not self.is_own(folder, name))


def _is_below(name: str) -> bool:
    """Whether a path means a place in the folder that it is relative to."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)
