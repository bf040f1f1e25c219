"""DICOM files, edited: only HandboneError comes out, soon and without a word of the person.

`HANDBONE_FUZZ_EXAMPLES=20000 pytest tests/test_handbone_dicom_fuzz.py` runs longer than CI does.
"""

import contextlib
import os
import time

import numpy as np
from dicom_files import PATIENT, hand, lut, write
from handbone_dicom.reading import read_header, read_radiograph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from handbone.core.errors import HandboneError

MOST_SECONDS = 10
campaign = settings(
    max_examples=int(os.environ.get("HANDBONE_FUZZ_EXAMPLES", 300)),
    deadline=None,
    derandomize="HANDBONE_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
SMALL = hand((24, 20))
WORDS = st.sampled_from(
    [b"\0", b"\xff\xff\xff\xff", b"\0\0", b"1A", b"\x7f\xff", b"\xe0\x7f\x10\0", b"\xfe\xff\x00\xe0"]
)


def corpus(folder):
    """Plain, implicit, deflated and run-length files, with tables, shutters, palettes and frames."""
    tables = {
        "VOILUTSequence": [lut(0, np.arange(4096) // 16, 8)],
        "ModalityLUTSequence": [lut(0, np.arange(4096), 12)],
    }
    shutter = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [12, 10], "RadiusOfCircularShutter": 9}
    spacing = {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.1}
    paths = [
        write(folder / "a.dcm", SMALL, **tables, **spacing),
        write(
            folder / "b.dcm", SMALL, syntax=ImplicitVRLittleEndian, **shutter, WindowCenter=[1, 2], WindowWidth=[3, 4]
        ),
        write(folder / "c.dcm", SMALL, syntax=DeflatedExplicitVRLittleEndian, HighBit=15),
        write(folder / "d.dcm", SMALL, NumberOfFrames=2, PixelData=SMALL.tobytes() * 2, PixelPaddingValue=0),
        write(folder / "e.dcm", SMALL.astype(np.int16), preamble=False, RescaleSlope=2, RescaleIntercept=-9),
    ]
    packed = dcmread(paths[0])
    packed.compress(RLELossless)
    packed.save_as(folder / "f.dcm")
    return [path.read_bytes() for path in [*paths, folder / "f.dcm"]]


@st.composite
def edits(draw):
    """Places from 0 to 1, how many bytes go there, and what comes instead."""
    count = draw(st.integers(0, 4))
    one = st.tuples(st.floats(0, 1), st.sampled_from([0, 0, 1, 2, 4, 8, 100]), st.one_of(WORDS, st.binary(max_size=6)))
    return [draw(one) for _ in range(count)]


def test_edited_files_are_read_or_refused(tmp_path):
    files, path = corpus(tmp_path), tmp_path / "edited.dcm"

    @campaign
    @given(st.sampled_from(files), edits())
    def target(data, changes):
        for place, gone, words in changes:
            at = int(place * len(data))
            data = data[:at] + words + data[at + gone :]
        path.write_bytes(data)
        begun = time.monotonic()
        for read in (read_header, read_radiograph):
            try:
                came = read(path)
            except HandboneError as error:
                assert not [value for value in PATIENT.values() if len(value) > 2 and value in str(error)]
            else:
                with contextlib.suppress(AttributeError):
                    assert np.isfinite(came.image).all() and came.image.min() >= 0 and came.image.max() <= 1
        assert time.monotonic() - begun < MOST_SECONDS

    target()
