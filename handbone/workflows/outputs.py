"""Names and places of what is made of images; imports no torch."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable

from handbone.formats.image_files import stem_of

#: What `handbone predict` leaves.
TABLE_FILE, RECORD_FILE, OVERLAYS, RECORDS = "predictions.csv", "predictions.json", "overlays", "records"
#: The images of the record once more, a line each.
LINES_FILE = "predictions.jsonl"
#: Of its page: the first file, and the folder of the radiographs that it shows.
PAGE_FILE, PAGE_IMAGES = "index.html", "page"

# Bytes of a name to which an ending is added; file systems take 255.
_LONGEST = 200


def file_stems(keys: Iterable[str]) -> dict[str, str]:
    """Each image's key to what files made from it are called: the key without its extension where that is enough."""
    keys = list(keys)
    counts = Counter([*map(_without_extension, keys), *(key for key in keys if _without_extension(key) != key)])
    folders = {key[:at] for key in keys for at, character in enumerate(key) if character == "/"}
    stems = {}
    for key in keys:
        stem = _without_extension(key)
        alone = counts[stem] == 1 and f"{stem}.png" not in folders
        stems[key] = shortened(stem if alone else key)
    return stems


def shortened(name: str) -> str:
    """A relative path each of whose names leaves room for an ending; long ones keep their start and get a digest."""
    return "/".join(map(_shortened, name.split("/")))


def _shortened(part: str) -> str:
    data = os.fsencode(part)
    if len(data) <= _LONGEST:
        return part
    return f"{data[: _LONGEST - 20].decode('utf-8', 'ignore')}-{hashlib.sha256(data).hexdigest()[:12]}"


def _without_extension(key: str) -> str:
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{stem_of(name)}"
