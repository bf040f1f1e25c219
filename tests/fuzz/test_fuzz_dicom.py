"""DICOM files, edited: only HandboneError comes out, soon and without a word of the person."""

import contextlib

import numpy as np
import pytest
from fuzzing import Corpus, campaign, edited_bytes, refused_or_read
from hypothesis import given

from handbone.core.errors import HandboneError

pytest.importorskip("handbone_dicom", reason="the plugin handbone-dicom is not installed")
from dicom_files import PATIENT, hand, lut, write
from handbone_dicom.reading import read_header, read_radiograph
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

pytestmark = pytest.mark.slow

SMALL = hand((24, 20))
WORDS = (b"\0", b"\xff\xff\xff\xff", b"\0\0", b"1A", b"\x7f\xff", b"\xe0\x7f\x10\0", b"\xfe\xff\x00\xe0")


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
    return Corpus.of("dicom", [path.read_bytes() for path in [*paths, folder / "f.dcm"]])


def test_edited_files_are_read_or_refused(tmp_path):
    files, path = corpus(tmp_path), tmp_path / "edited.dcm"

    @campaign("dicom")
    @given(edited_bytes(files, WORDS))
    def target(data):
        path.write_bytes(data)
        for read in (read_header, read_radiograph):
            with refused_or_read(path):
                try:
                    came = read(path)
                except HandboneError as error:
                    assert not [value for value in PATIENT.values() if len(value) > 2 and value in str(error)]
                else:
                    with contextlib.suppress(AttributeError):
                        assert np.isfinite(came.image).all() and came.image.min() >= 0 and came.image.max() <= 1

    target()
