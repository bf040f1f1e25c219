"""Results that are kept image by image, so that an interrupted command goes on where it was.

A result counts only for what it was made from: the same settings and weights, and an image with the same bytes.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handbone import __version__
from handbone.core.digests import content_digest
from handbone.core.errors import HandboneError
from handbone.core.files import copy_file, sha256_of, write_json
from handbone.core.folders import files_in, remove_empty_folders
from handbone.core.json_stream import read_json_entries, read_json_head
from handbone.plugins import registry
from handbone.plugins.provenance import provenance
from handbone.runs.fingerprints import fingerprint_of
from handbone.weights import find_weights
from handbone.weights.exported import exported_files, is_exported
from handbone.workflows.outputs import OVERLAYS, PAGE_IMAGES, RECORD_FILE, RECORDS, shortened
from handbone.workflows.records import IMAGES


def prediction_fingerprint(weights: str | Path, **settings: Any) -> str:
    """The fingerprint of what every prediction of a command depends on, but for the image.

    Parameters
    ----------
    weights: as `find_weights` takes them; their bytes count, not their name.
    settings: JSON values.

    Raises
    ------
    HandboneError: no weights there.
    """
    digests = [content_digest(file) for file in _files(weights)]
    return fingerprint_of([__version__, provenance(registry()), digests, settings])


def _files(weights: str | Path) -> list[Path]:
    files = [file for file in find_weights(weights) if file is not None]
    if is_exported(files[0]):
        return exported_files(files[0])
    others = [files[0].with_name(name) for name in ("prompter.safetensors", "prior.safetensors")]
    return [*files, *(other for other in others if other.is_file())]


def is_unfinished(folder: Path, fingerprint: str, *, record_file: str = RECORD_FILE) -> bool:
    """Whether a folder holds results of the same fingerprint, some images of which have failed."""
    try:
        if read_json_head(folder / record_file, IMAGES)["fingerprint"] != fingerprint:
            return False
        images = read_json_entries(folder / record_file, IMAGES)
        return any(image["error"] or image.get("unwritten") for image in images)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class StoredResults:
    """Results of images in a folder: `records/KEY.json` with what is known, and `overlays/STEM.png`.

    Parameters
    ----------
    folder: where they lie. fingerprint: of the command that they have to be made by, see `prediction_fingerprint`.
    page: whether `page/STEM.jpg` is kept, too, which a result may lack.
    """

    folder: Path
    fingerprint: str
    page: bool = False

    def key(self, image: Path) -> str:
        """What an image's result is made from: the command and the image's bytes."""
        try:
            digest = sha256_of(image)
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
            raise HandboneError(what, where=image, remedy="check the path and its permissions") from None
        return fingerprint_of([self.fingerprint, digest])

    def overlay(self, stem: str) -> Path:
        """Where an image's overlay lies."""
        return self.folder / OVERLAYS / f"{stem}.png"

    def page_image(self, stem: str) -> Path:
        """Where the image lies that the page shows."""
        return self.folder / PAGE_IMAGES / f"{stem}.jpg"

    def find(self, name: str, stem: str, key: str | None) -> dict[str, Any] | None:
        """The result of an image, if it is there with its overlay and both are made from the same.

        key: what it has to be made from; None where the whole folder is known to be of the same command.
        """
        try:
            kept = json.loads(self._file(name).read_text(encoding="utf-8"))
            same = key in (kept["made_from"], None) and kept["overlay"] == sha256_of(self.overlay(stem))
            return kept["result"] if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, name: str, stem: str, key: str, result: dict[str, Any]) -> None:
        """Write an image's result once its overlay is there."""
        overlay = sha256_of(self.overlay(stem))
        write_json(self._file(name), {"made_from": key, "overlay": overlay, "result": result})

    def copy_from(self, earlier: "StoredResults", name: str, stem: str, key: str | None) -> dict[str, Any] | None:
        """The result of an image with its overlay from an earlier folder, which stays as it is."""
        result = earlier.find(name, stem, key)
        if result is not None:
            copy_file(earlier.overlay(stem), self.overlay(stem))
            if self.page and earlier.page_image(stem).is_file():
                copy_file(earlier.page_image(stem), self.page_image(stem))
            copy_file(earlier._file(name), self._file(name))
        return result

    def read(self, name: str) -> dict[str, Any]:
        """The result of an image that was found or kept before."""
        return json.loads(self._file(name).read_text(encoding="utf-8"))["result"]

    def clean(self, images: Iterable[tuple[str, str]]) -> None:
        """Remove what earlier commands have left beside the results and overlays of these (name, stem)."""
        wanted: set[str] = set()
        for name, stem in images:
            pages = [self.page_image(stem)] if self.page else []
            wanted.update(map(str, [self._file(name), self.overlay(stem), *pages]))
        for path in files_in(self.folder):
            if str(path) not in wanted:
                path.unlink()
        remove_empty_folders(self.folder)

    def _file(self, name: str) -> Path:
        return self.folder / record_file(name)


def record_file(name: str) -> str:
    """Where in a prediction folder an image's record lies."""
    return f"{RECORDS}/{shortened(name)}.json"
