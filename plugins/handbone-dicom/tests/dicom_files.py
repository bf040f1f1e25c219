"""Radiographs as DICOM files, made for the tests: a hand that is bright on a dark background, and a patient's data."""

from pathlib import Path

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"
PATIENT = {
    "PatientName": "Secret^Patient",
    "PatientID": "PID-4711",
    "PatientBirthDate": "19700102",
    "PatientSex": "F",
    "PatientAddress": "Hidden Lane 5",
    "AccessionNumber": "ACC-0815",
    "ReferringPhysicianName": "Doctor^Unnamed",
    "StudyDate": "20240506",
    "StudyTime": "101112",
    "StudyID": "ST-99",
    "StudyDescription": "Left hand of Secret Patient",
    "InstitutionName": "Hospital of Nowhere",
}


def hand(size: tuple[int, int] = (120, 90), top: int = 4095) -> np.ndarray:
    """uint16 (H, W): five bright fingers and a palm on a dark background, from 0 to `top`."""
    height, width = size
    image = np.full(size, 0.05, np.float32)
    for finger in range(5):
        x = int(width * (0.28 + 0.11 * finger))
        cv2.line(image, (x, int(height * 0.2)), (x, int(height * 0.9)), 0.8 + 0.04 * finger, max(2, width // 14))
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    image[: height // 10] *= np.linspace(0.2, 1, width)
    return np.rint(cv2.normalize(image, None, 0, top, cv2.NORM_MINMAX)).astype(np.uint16)


def lut(first: int, data: np.ndarray, bits: int) -> Dataset:
    """An item of a LUT sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(data) % 65536, first, bits])
    item.add_new("LUTData", "OW", data.astype("<u2").tobytes())
    item.LUTExplanation = "made"
    item.add_new("ModalityLUTType", "LO", "US")
    return item


def write(
    path: Path, values: np.ndarray, *, bits: int = 12, preamble: bool = True, syntax=ExplicitVRLittleEndian, **tags
) -> Path:
    """A digital X-ray image of `values` (H, W), of 8 or 16 bits; more elements by keyword, None removes one."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DIGITAL_XRAY
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = DIGITAL_XRAY, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "DX", 1, 1
    dataset.Rows, dataset.Columns = values.shape[:2]
    dataset.SamplesPerPixel = 1 if values.ndim == 2 else values.shape[2]
    dataset.PhotometricInterpretation = "MONOCHROME2" if values.ndim == 2 else "RGB"
    if values.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = values.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    dataset.PixelData = np.ascontiguousarray(values).tobytes() + bytes(values.nbytes % 2)
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated == 16 else "OB"
    for name, value in (PATIENT | tags).items():
        if value is None and name in dataset:
            del dataset[name]
        elif value is not None:
            setattr(dataset, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    if preamble:
        dataset.save_as(path, enforce_file_format=True)
    else:
        # As files of the years before the preamble: the data set alone.
        old = Dataset(dict(dataset.items()))
        old.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return path


#: What most tests put into a file.
HAND = hand()


def by_window(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """The linear window of the standard, value by value."""
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    shown = [0.0 if v <= low else 1.0 if v > high else (v - (centre - 0.5)) / (width - 1) + 0.5 for v in values.ravel()]
    return np.reshape(shown, values.shape)
