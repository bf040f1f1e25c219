"""PNG files that handbone draws: what others decode, and the mark by which they are never taken for radiographs."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from annotation_toys import TALL, write
from PIL import Image
from writers_toys import ragged_masks

from handbone.anatomy import NAMES
from handbone.formats.own_png import encode_png, is_own_png


def test_a_png_of_a_bone_is_what_pillow_decodes_and_carries_the_mark(tmp_path):
    masks = ragged_masks(6, TALL)
    write(tmp_path, "png", None, masks, "p1/a.png")
    for bone, name in enumerate(NAMES):
        path = tmp_path / "p1" / "a" / f"{name}.png"
        with Image.open(path) as image:
            assert image.mode == "L" and image.info["Software"] == "handbone"
            assert np.array_equal(np.asarray(image) == 255, masks.mask(bone))
        assert is_own_png(path.read_bytes()[:512])


@pytest.mark.parametrize("one_filter", [False, True])
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3)])
def test_the_mark_is_a_chunk_of_its_own_with_its_checksum(shape, one_filter):
    values = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    data = encode_png(values, compression=1, one_filter=one_filter)
    place, names = 8, []
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(name + body)
        names.append(name)
        place += 12 + length
    assert names[:2] == [b"IHDR", b"tEXt"] and names[-1] == b"IEND"
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(shown if shown.ndim == 2 else shown[..., ::-1], values)
    assert not is_own_png(data[:33] + data[33 + 29 :]) and not is_own_png(b"")
