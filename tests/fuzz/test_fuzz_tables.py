"""Run lengths and prediction files of anyone."""

import gzip
from itertools import islice

import numpy as np
import pytest
from fuzzing import Corpus, campaign, edited_bytes, refused_or_read
from hypothesis import example, given
from hypothesis import strategies as st

from handbone.anatomy import NAMES
from handbone.core import rle
from handbone.core.rle_reading import RleReading
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.rle_recognition import suspected

pytestmark = pytest.mark.slow

ROWS = "".join(f"{name}.png,{bone},{3 + 70 * i} 4 {73 + 70 * i} 5\n" for name in "ab" for i, bone in enumerate(NAMES))
PLAIN = f"image_name,class,rle\n{ROWS}".encode()
CORPUS = Corpus.of(
    "csv",
    [
        PLAIN,
        PLAIN.replace(b",", b";"),
        PLAIN.replace(b"\n", b"\r"),
        PLAIN.replace(b" ", b".0 "),
        PLAIN.decode().encode("utf-16"),
        f"image_name,class,rle,height,width\n{ROWS}".replace("\n", ",64,70\n").replace("h,64,70", "h").encode(),
        gzip.compress(PLAIN, mtime=0),
    ],
)
READINGS = [RleReading(), RleReading(True), RleReading(zero_based=True), RleReading(True, True, (32, 48))]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "p.csv"


@campaign("csv")
@given(data=edited_bytes(CORPUS), reading=st.sampled_from(READINGS))
def test_prediction_files(path, data, reading):
    path.write_bytes(data)
    with refused_or_read(path):
        index = PredictionsIndex(path)
        for name in islice(index.names, 50):
            with refused_or_read(path):
                cells, size = index.cells(name), index.size_hw(name) or (64, 70)
                suspected(cells, (64, 70))
                assert reading.masks(cells, (64, 70)).size_hw == (64, 70)
                assert reading.standard(cells, (64, 70)) is not None and len(size) == 2


NUMBERS = st.one_of(st.integers(), st.sampled_from(["1_0", "１", "0001", "9" * 400, "-9223372036854775808", "1e3", ""]))
TEXTS = st.lists(NUMBERS, max_size=8).map(lambda numbers: " ".join(map(str, numbers))) | st.text(max_size=30)


@campaign("rle")
@given(text=TEXTS, first=st.integers(0, 1))
@example(text="-9223372036854775808 0001", first=1)
@example(text="1_0 5", first=1)
@example(text="１ ２", first=1)
@example(text="1 " + "9" * 400, first=1)
def test_run_lengths(text, first):
    with refused_or_read(text):
        (left, top, right, bottom), crop = rle.decode_to_box(text, (40, 50), first_pixel=first)
        assert 0 <= left <= right <= 50 and 0 <= top <= bottom <= 40 and crop.shape == (bottom - top, right - left)
        numbers = text.split()
        # What is read was written in ASCII digits, each pixel once.
        assert all(n.isascii() and n.isdigit() for n in numbers)
        assert np.count_nonzero(crop) == sum(map(int, numbers[1::2]))
