"""What handbone relies on in readers and writers, held against a file made for it."""

import tempfile
from pathlib import Path

import handbone_dicom
from dicom_files import hand, write

from handbone.plugin_kit.contracts import ReaderContract, WriterContract

_FOLDER = tempfile.TemporaryDirectory()
SAMPLE = write(Path(_FOLDER.name) / "sample.dcm", hand(), WindowCenter=2048, WindowWidth=4096)


class TestReader(ReaderContract):
    plugin, name, sample = handbone_dicom, "dicom", SAMPLE


class TestBinarySeg(WriterContract):
    plugin, name, sample = handbone_dicom, "dicom_seg", SAMPLE


class TestFractionalSeg(TestBinarySeg):
    settings = {"type": "fractional", "anonymous": True}
