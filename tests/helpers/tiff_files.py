"""Uncompressed TIFF files with any tags, for what neither OpenCV nor Pillow writes."""

import struct
from pathlib import Path

import numpy as np

_FORMATS = {"u": 1, "i": 2, "f": 3}


def write_tiff(path: Path, values: np.ndarray, **tags: int) -> Path:
    """One page, little-endian, `values` (H, W) or (H, W, C); more tags by number, as `t274=6`."""
    values = np.ascontiguousarray(values)
    channels = values.shape[2] if values.ndim == 3 else 1
    bits, kind = values.dtype.itemsize * 8, _FORMATS[values.dtype.kind]
    known: dict[int, tuple[int, ...]] = {
        256: (values.shape[1],),
        257: (values.shape[0],),
        258: (bits,) * channels,
        259: (1,),
        262: (2 if channels >= 3 else 1,),
        273: (8,),
        277: (channels,),
        278: (values.shape[0],),
        279: (values.nbytes,),
        339: (kind,) * channels,
    }
    known |= {int(name[1:]): (value,) for name, value in tags.items()}
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    offset, extra, entries = 8 + len(data), b"", b""
    after = offset + 2 + 12 * len(known) + 4
    for tag, several in sorted(known.items()):
        packed = struct.pack(f"<{len(several)}I", *several)
        if len(several) > 1:
            extra, packed = extra + packed, struct.pack("<I", after + len(extra))
        entries += struct.pack("<HHI", tag, 4, len(several)) + packed
    directory = struct.pack("<H", len(known)) + entries + struct.pack("<I", 0)
    path.write_bytes(b"II*\0" + struct.pack("<I", offset) + data + directory + extra)
    return path
