"""Label Studio's run lengths of brush strokes, which are not COCO's: a stream of bits, most significant first.

32 bits: how many values follow; 5 bits: bits a value, less one; 4 times 4 bits: how wide a length may be, less one.
Then runs: a bit that says whether one value is repeated or each stands by itself, two bits that choose a width, the
run's length less one, and the values. Values are those of an image (height, width, 4) along its rows, the last of the
four being the mask. Source: @thi.ng/rle-pack, and `converter/brush.py` of label-studio-sdk.
"""

from collections.abc import Sequence

import numpy as np

from handbone.core.errors import HandboneError

_WIDTHS = (3, 4, 8, 16)
_CHANNELS = 4


def encode_brush(mask: np.ndarray) -> list[int]:
    """A mask, bool (H, W), as bytes from 0 to 255; the brush is opaque, as anything less would not be seen."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate([[0], edges])
    lengths = np.diff(np.concatenate([starts, [flat.size]])) * _CHANNELS
    bits = [f"{flat.size * _CHANNELS:032b}", f"{8 - 1:05b}", *(f"{width - 1:04b}" for width in _WIDTHS)]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = "11111111" if flat[start] else "00000000"
        while length:
            now = min(length, 1 << _WIDTHS[-1])
            choice = next(number for number, width in enumerate(_WIDTHS) if now <= 1 << width)
            bits.append(f"1{choice:02b}{now - 1:0{_WIDTHS[choice]}b}{value}")
            length -= now
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return np.packbits(np.frombuffer(text.encode("ascii"), np.uint8) - ord("0")).tolist()


def decode_brush(data: Sequence[int], size_hw: tuple[int, int]) -> np.ndarray:
    """The mask, bool (H, W), of an image of that size.

    Raises
    ------
    HandboneError: bytes that are none, damaged, or of an image of another size; a clause about the mask.
    """
    total = size_hw[0] * size_hw[1] * _CHANNELS
    try:
        stream = np.unpackbits(np.array(data, dtype=np.uint8))
    except (TypeError, ValueError, OverflowError):
        raise HandboneError("has run lengths that are not bytes") from None
    if stream.ndim != 1 or len(stream) < 53:
        raise HandboneError("has no run lengths")
    text = (stream + ord("0")).tobytes()
    if (said := int(text[:32], 2)) != total:
        raise HandboneError(f"has {said} values, not {total} as its image of {size_hw[1]} x {size_hw[0]} pixels")
    word = int(text[32:37], 2) + 1
    widths = [int(text[at : at + 4], 2) + 1 for at in range(37, 53, 4)]
    values = np.zeros(total, bool)
    at, done = 53, 0
    try:
        while done < total:
            repeated, width = text[at] == ord("1"), widths[int(text[at + 1 : at + 3], 2)]
            at += 3
            length = int(text[at : at + width], 2) + 1
            at += width
            stop = min(done + length, total)
            if repeated:
                values[done:stop] = int(text[at : at + word], 2) != 0
                at += word
            else:
                words = stream[at : at + word * (stop - done)].reshape(stop - done, word)
                values[done:stop] = words.any(axis=1)
                at += word * length
            done = stop
    except (IndexError, ValueError):
        at = len(text) + 1
    if at > len(text):
        raise HandboneError("has run lengths that end too early")
    return values.reshape(*size_hw, _CHANNELS)[..., -1]
