"""Whether a JPEG file is whole. Decoders fill what is missing with grey; neither OpenCV nor Pillow says so."""

import re
from dataclasses import dataclass

import simplejpeg

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_RESTARTS = range(0xD0, 0xD8)
# Start of frame: baseline, extended, progressive, lossless, arithmetic and so on; 0xC4, 0xC8 and 0xCC are tables.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_JPEG_LS = 0xF7  # ITU T.87
_END = bytes((0xFF, _EOI))
# Of libjpeg's warnings, in its words.
_DAMAGE = ("Corrupt JPEG data", "Premature end")
_LEFT_OVER = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_SPARE = 4  # bytes before the end that cameras leave


@dataclass(frozen=True)
class JpegLayout:
    """What the markers of a JPEG file say (ITU T.81, annex B).

    Parameters
    ----------
    bits: a sample, 8 or 12; 0 where the file ends before it says so.
    lossless: whether the values are coded as JPEG lossless. near_lossless: whether as JPEG-LS, another standard.
    end: where the marker stands that ends the image; None where it is missing.
    junk: where bytes lie between two segments that belong to neither, from and to.
    """

    bits: int = 0
    lossless: bool = False
    near_lossless: bool = False
    end: int | None = None
    junk: tuple[tuple[int, int], ...] = ()


def layout_of(data: bytes) -> JpegLayout:
    """Walk the markers of a JPEG file from its start to the end of its first image."""
    at, bits, frame, junk = 2, 0, 0, []
    while at + 2 <= len(data):
        if data[at] != 0xFF:
            junk.append((at, at := _next_marker(data, at)))
            continue
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == _EOI:
            break
        elif marker in _RESTARTS or marker in (0, 1, _SOI):
            at += 2
        else:
            if marker in _FRAMES or marker == _JPEG_LS:
                bits, frame = data[at + 4] if at + 4 < len(data) else 0, marker
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == _SOS:
                at = _next_marker(data, at)
    ended = data[at : at + 2] == bytes((0xFF, _EOI))
    end = at if ended else None
    return JpegLayout(bits, frame in _LOSSLESS, frame == _JPEG_LS, end, tuple(junk))


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
    """Whether all values of a JPEG file's image are there and make sense to a decoder (libjpeg-turbo).

    What a decoder warns of and fills with grey is damage: an unknown code, an end or a restart marker too early, and
    values that are left over where the image is whole. Damage after which the codes make sense again, and as many
    blocks came out as there should be, nobody notices. Other warnings, and what the decoder does not know, are none.
    """
    if layout.end is None:
        return False
    # Bytes of no meaning, of which a decoder warns, and after that of nothing else.
    kept = [0, *(place for stretch in layout.junk for place in stretch), layout.end]
    values = b"".join(data[begin:end] for begin, end in zip(kept[::2], kept[1::2], strict=True)).rstrip(b"\xff")
    try:
        # At an eighth of the size all values are decoded, too, but much faster.
        simplejpeg.decode_jpeg(values + _END, "GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        return not _is_damage(str(error), values)
    return True


def _is_damage(warning: str, values: bytes) -> bool:
    """Whether a decoder's first warning tells of values that are lost or in the wrong place."""
    if left := _LEFT_OVER.match(warning):  # some programs fill up with zeros
        return int(left[1]) > _SPARE and any(values[-int(left[1]) :])
    return warning.startswith(_DAMAGE)
