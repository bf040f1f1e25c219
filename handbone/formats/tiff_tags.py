"""What the tags of a TIFF page say that decoders do not heed (TIFF 6.0): how values lie, and whether all are there."""

import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
ORIENTATION, PLANES, EXTRA, SAMPLE_FORMAT = 274, 284, 338, 339
_PLACES = 273, 324  # of strips and of tiles
_REDUCED, _MASK, _APART = 1, 4, 2
_ALPHAS = 1, 2

Tags = Mapping[int, Any]


def first_directory(path: Path) -> Tags:
    """Tags of the first page of a TIFF; none of anything else."""
    if not path.is_file():  # reading a pipe would wait
        return {}
    try:
        # Pillow warns of odd tags.
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            directory = ImageFileDirectory_v2(file.read(8))
            file.seek(directory.next)
            directory.load(file)
            return dict(directory)
    except (OSError, SyntaxError, LookupError, TypeError, ValueError, struct.error):
        return {}


def is_image(tags: Tags) -> bool:
    """Whether a page is an image of its own, and neither a smaller copy of another nor a mask of one."""
    return not int(tags.get(SUBFILE, 0)) & (_REDUCED | _MASK)


def has_alpha(tags: Tags) -> bool:
    """Whether the channel after the colours says what is transparent: a further one may be anything, such as a mask."""
    extra = tags.get(EXTRA) or (_ALPHAS[0],)  # files without the tag mean it so
    return (extra[0] if isinstance(extra, tuple) else extra) in _ALPHAS


def is_apart(tags: Tags) -> bool:
    """Whether the channels of an image lie one after the other, each a plane of its own."""
    bits = tags.get(BITS, (1,))
    return tags.get(PLANES) == _APART and isinstance(bits, tuple) and len(bits) > 1


def is_sparse(tags: Tags) -> bool:
    """Whether a strip or tile is not there, as its place of 0 says; decoders read the file's header instead."""
    places = next((tags[tag] for tag in _PLACES if tag in tags), ())
    return 0 in (places if isinstance(places, tuple) else (places,))
