"""Whether a JPEG file is whole. Decoders fill what is missing with grey, and neither OpenCV nor Pillow says so."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_RESTARTS = range(0xD0, 0xD8)
# Start of frame: baseline, extended, progressive, lossless, arithmetic and so on; 0xC4, 0xC8 and 0xCC are tables.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_TAIL = 4096
_REDUCED = 64
# As many bytes may stand between the last value and the end of an image that nothing reads.
_SPARE = 256
_END = bytes((0xFF, _EOI))


@dataclass(frozen=True)
class JpegLayout:
    """What the markers of a JPEG file say (ITU T.81, annex B).

    Parameters
    ----------
    bits: a sample, 8 or 12; 0 where the file ends before it says so.
    lossless: whether the values are coded as JPEG lossless.
    progressive: whether they are coded in scans that refine each other.
    scan: where the values of the last scan begin.
    end: where the marker stands that ends the image; None where it is missing.
    """

    bits: int = 0
    lossless: bool = False
    progressive: bool = False
    scan: int = 0
    end: int | None = None


def layout_of(data: bytes) -> JpegLayout:
    """Walk the markers of a JPEG file from its start to the end of its first image."""
    at, bits, frame, scan = 2, 0, 0, 0
    while at + 2 <= len(data):
        if data[at] != 0xFF:
            at = _next_marker(data, at)
            continue
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == _EOI:
            break
        elif marker in _RESTARTS or marker in (0, 1, _SOI):
            at += 2
        else:
            if marker in _FRAMES:
                bits, frame = data[at + 4] if at + 4 < len(data) else 0, marker
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == _SOS:
                scan, at = at, _next_marker(data, at)
    ended = data[at : at + 2] == bytes((0xFF, _EOI))
    return JpegLayout(bits, frame in _LOSSLESS, frame in _PROGRESSIVE, scan, at if ended else None)


def _next_marker(data: bytes, at: int) -> int:
    """The next marker after coded values, in which 0xFF is followed by 0 or a restart marker."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] not in (0, *_RESTARTS):
            return at
        at += 2


def is_complete(data: bytes, layout: JpegLayout) -> bool:
    """Whether a JPEG file holds all values of its image and no others, although it ends as a whole one does.

    Other values are put before the end marker. A decoder that has what it needs never reads them; one that runs out
    of values does, and the image changes. And where the last values are replaced, the image changes, too, unless the
    decoder was done before, as it is where it has lost its place in damaged values.
    """
    if layout.end is None:
        return False
    known, body = _reduced(data), data[: layout.end].rstrip(b"\xff")  # without fill bytes before the end
    if known is None or not all(_is_same(body + tail + _END, known) for tail in _tails()):
        return False
    values = body[layout.scan :].rstrip(b"\0")  # with which some programs fill up
    # Of scans that refine the image only the first ones show at the reduced size.
    if layout.progressive or len(values) < 2 * _SPARE:
        return True
    kept = data[: layout.scan + len(values) - _SPARE]
    return not all(_is_same(kept + tail + _END, known) for tail in _tails())


def _tails() -> list[bytes]:
    """Values of no meaning, among restart markers for images that are coded in intervals."""
    values = np.random.default_rng(0).integers(1, 255, _TAIL, np.uint8)
    restarts = b"".join(
        values[at : at + 64].tobytes() + bytes((0xFF, _RESTARTS[at // 64 % 8])) for at in range(0, _TAIL, 64)
    )
    return [values.tobytes(), restarts]


def _is_same(data: bytes, known: np.ndarray) -> bool:
    image = _reduced(data)
    return image is not None and np.array_equal(image, known)


def _reduced(data: bytes) -> np.ndarray | None:
    """The image at a part of its size, decoded from all its values; None where the decoder gives up."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            # An eighth of the size is decoded from the same coded values, but much faster.
            image.draft(None, (_REDUCED, _REDUCED))
            return np.asarray(image)
    except OSError:
        return None
