"""Arrays on disk that know whether they are as they were written: .npy files with a sha256 behind the values."""

import hashlib
import io
from pathlib import Path

import numpy as np

from handbone.core.files import atomic_file

_DIGEST_BYTES = 32


def save_checked(path: Path, values: np.ndarray) -> None:
    """Write an array of any shape and type, whole or not at all; `np.load` reads the file too.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npy"
    >>> save_checked(path, np.arange(3))
    >>> is_whole(path), np.load(path).tolist()
    (True, [0, 1, 2])
    """
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    content = buffer.getvalue()
    with atomic_file(path) as temporary:
        temporary.write_bytes(content + hashlib.sha256(content).digest())


def is_whole(path: Path) -> bool:
    """Whether a file is there, and every byte of it is as `save_checked` wrote it; reads it once."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-_DIGEST_BYTES]).digest() == content[-_DIGEST_BYTES:]
