"""Results that are kept picture by picture, so that an interrupted command goes on where it was.

A result counts only for what it was made from: the same settings and weights, and a picture with the same bytes.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.files import move, sha256_of, whole_file, write_json
from handbone.plugins import registry
from handbone.plugins.provenance import provenance
from handbone.runs.folder import fingerprint
from handbone.weights import find_weights
from handbone.workflows.outputs import OVERLAYS, RECORD_FILE

#: Holds one file a picture.
PICTURES = "pictures"
_LOCK = ".lock"


def prediction_mark(weights: str | Path, **settings: Any) -> str:
    """The fingerprint of what every prediction of a command depends on, but for the picture.

    Parameters
    ----------
    weights: as `find_weights` takes them; their bytes count, not their name.
    settings: JSON values.

    Raises
    ------
    HandboneError: no weights there.
    """
    files = [file for file in find_weights(weights) if file is not None]
    others = [files[0].with_name(name) for name in ("prompter.safetensors", "prior.safetensors")]
    digests = [sha256_of(file) for file in (*files, *(other for other in others if other.is_file()))]
    return fingerprint([__version__, provenance(registry()), digests, settings])


def is_unfinished(folder: Path, mark: str, *, record_file: str = RECORD_FILE) -> bool:
    """Whether a folder holds results of the same mark, some pictures of which have failed."""
    try:
        record = json.loads((folder / record_file).read_text(encoding="utf-8"))
        failed = any(picture["error"] or picture.get("unwritten") for picture in record["pictures"])
        return record["fingerprint"] == mark and failed
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def resumable_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` that is filled file by file; it takes the place of `path` when the block succeeds.

    What an interrupted block has left is there again the next time.

    Raises
    ------
    HandboneError: another process is filling it.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(part / _LOCK, timeout=0):
            yield part
    except Timeout:
        remedy = "wait for it, or give another folder with --output"
        raise HandboneError("another handbone process is at work on this folder", where=path, remedy=remedy) from None
    (part / _LOCK).unlink(missing_ok=True)
    if path.exists():
        shutil.rmtree(path)
    move(part, path)


@dataclass(frozen=True)
class KeptPictures:
    """Results of pictures in a folder: `pictures/NAME.json` with what is known, and `overlays/STEM.png`.

    Parameters
    ----------
    folder: where they lie. mark: of the command that they have to be made by, see `prediction_mark`.
    """

    folder: Path
    mark: str

    def key(self, picture: Path) -> str:
        """What a picture's result is made from: the command and the picture's bytes."""
        return fingerprint([self.mark, sha256_of(picture)])

    def overlay(self, stem: str) -> Path:
        """Where a picture's overlay lies."""
        return self.folder / OVERLAYS / f"{stem}.png"

    def find(self, name: str, stem: str, key: str) -> dict[str, Any] | None:
        """The result of a picture, if it is there with its overlay and both are made from the same."""
        try:
            kept = json.loads(self._file(name).read_text(encoding="utf-8"))
            same = kept["made_from"] == key and kept["overlay"] == sha256_of(self.overlay(stem))
            return kept["result"] if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, name: str, stem: str, key: str, result: dict[str, Any]) -> None:
        """Write a picture's result once its overlay is there."""
        overlay = sha256_of(self.overlay(stem))
        write_json(self._file(name), {"made_from": key, "overlay": overlay, "result": result})

    def take_over(self, earlier: "KeptPictures", name: str, stem: str, key: str) -> dict[str, Any] | None:
        """The result of a picture with its overlay from an earlier folder, which stays as it is."""
        result = earlier.find(name, stem, key)
        if result is not None:
            with whole_file(self.overlay(stem)) as temporary:
                shutil.copyfile(earlier.overlay(stem), temporary)
            self.keep(name, stem, key, result)
        return result

    def read(self, name: str) -> dict[str, Any]:
        """The result of a picture that was found or kept before."""
        return json.loads(self._file(name).read_text(encoding="utf-8"))["result"]

    def clean(self, pictures: Iterable[tuple[str, str]]) -> None:
        """Remove what earlier commands have left beside the results and overlays of these (name, stem)."""
        wanted = {file for name, stem in pictures for file in (self._file(name), self.overlay(stem))}
        for path in self.folder.iterdir():
            if path.name in (PICTURES, OVERLAYS):
                for file in set(path.iterdir()) - wanted:
                    file.unlink()
            elif path.name != _LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _file(self, name: str) -> Path:
        return self.folder / PICTURES / f"{name}.json"
