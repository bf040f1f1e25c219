"""Masks as DICOM SEG (PS3.3 A.51): one file per image, one overlapping segment per bone that was found."""

import warnings
from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from handbone import __version__, anatomy
from handbone.core.errors import HandboneError
from handbone.plugins import PredictedImage, SplitWriter
from handbone_dicom.codes import code_of

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns")
# A radiograph has no place in space: masks lie on its pixels and nowhere else. highdicom would ask those that have a
# frame of reference for a place, and cannot read a spacing without the thickness of a slice.
_GEOMETRY = ("FrameOfReferenceUID", "PixelSpacing")
# Of the patient and the study the standard wants these to be there, if only empty.
_MAY_BE_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_SERIES_NUMBER = 900  # far from those of the images themselves


class SegWriter(SplitWriter):
    """Writes `NAME.seg.dcm` to a folder, none for an image in which no bone was found.

    Parameters
    ----------
    fractional: a byte a pixel, 0 or 255, compressed as JPEG-LS, instead of a bit.
    anonymous: whether nothing of the patient and the study but their unique identifiers is taken over.
    """

    def __init__(self, folder: Path, *, fractional: bool, anonymous: bool):
        self._folder, self._fractional, self._anonymous = folder, fractional, anonymous

    def part(self, image: PredictedImage) -> None:
        """Write one image's masks.

        Raises
        ------
        HandboneError: the image is not at hand, is no DICOM or not of the masks' size, or no SEG can be made for it.
        """
        source = _completed(_read_source(image), anonymous=self._anonymous)
        bones = np.flatnonzero(image.masks.present()).tolist()
        if not bones:
            return
        # Both libraries warn of odd names and dates, and quote them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                segmentation = self._segmentation(source, image, bones)
                segmentation.save_as(self._folder / f"{image.stem}.seg.dcm")
            except Exception as error:  # the source's own elements, of which any may be malformed
                # Not the error's text, which may quote what the source says of the patient.
                what = f"cannot create a DICOM SEG for it ({type(error).__name__})"
                remedy = "its patient or study data may be malformed: try anonymous = true, or the format coco"
                raise HandboneError(what, where=image.path, remedy=remedy) from None

    def add(self, part: None) -> None:
        """Nothing: each image has a file of its own."""

    def close(self) -> None:
        """Nothing is left to do."""

    def _segmentation(self, source: Dataset, image: PredictedImage, bones: list[int]) -> hd.seg.Segmentation:
        masks = np.stack([image.masks.mask(bone) for bone in bones], axis=-1)
        kind = hd.seg.SegmentationTypeValues
        return hd.seg.Segmentation(
            source_images=[source],
            pixel_array=masks[None],
            segmentation_type=kind.FRACTIONAL if self._fractional else kind.BINARY,
            fractional_type=hd.seg.SegmentationFractionalTypeValues.OCCUPANCY,
            segment_descriptions=[_description(number, bone) for number, bone in enumerate(bones, start=1)],
            series_instance_uid=hd.UID(),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer="handbone",
            manufacturer_model_name="handbone",
            software_versions=__version__,
            device_serial_number="none",
            content_label="HAND_BONES",
            content_description="Bones of the hand, outlined by handbone; not a medical device",
            content_creator_name="handbone",
            series_description="Bones of the hand",
            transfer_syntax_uid=JPEGLSLossless if self._fractional else ExplicitVRLittleEndian,
        )


def _read_source(image: PredictedImage) -> Dataset:
    if image.path is None:
        remedy = "give its folder with --images"
        raise HandboneError(
            "the image was not found, but a DICOM SEG must refer to it", where=image.name, remedy=remedy
        )
    try:
        source = dcmread(image.path, force=True, stop_before_pixels=True)
        missing = [name for name in _NEEDED if name not in source]
    except Exception:  # whatever another format's bytes lead to
        missing = list(_NEEDED)
    if missing:
        what = "this is not a DICOM file" if len(missing) == len(_NEEDED) else f"this DICOM file has no {missing[0]}"
        raise HandboneError(f"{what}, but a DICOM SEG must refer to one", where=image.path, remedy="write coco or png")
    size = int(source.Rows), int(source.Columns)
    if size != image.masks.size_hw:
        height, width = image.masks.size_hw
        what = f"it has {size[1]} x {size[0]} pixels, but its masks have {width} x {height}"
        raise HandboneError(what, where=image.path, remedy="give the image from which the masks were predicted")
    return source


def _completed(source: Dataset, *, anonymous: bool) -> Dataset:
    """The source as highdicom takes it: with empty elements where it lacks what a SEG has to have."""
    if anonymous:
        # What is kept is named, not what goes: nobody knows all elements that may tell of a patient.
        kept = [source[name] for name in (*_NEEDED, "Modality") if name in source]
        source = Dataset({element.tag: element for element in kept})
    for name in _GEOMETRY:
        if name in source:
            del source[name]
    for name in _MAY_BE_EMPTY:
        if name not in source:
            setattr(source, name, "")
    if "Modality" not in source:
        source.Modality = "OT"
    if source.PatientSex not in ("M", "F", "O"):
        source.PatientSex = ""
    return source


def _description(number: int, bone: int) -> hd.seg.SegmentDescription:
    algorithm = hd.AlgorithmIdentificationSequence(
        name="handbone", version=__version__, family=codes.DCM.ArtificialIntelligence
    )
    described = anatomy.BONES[bone]
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=described.name,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=code_of(described),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        display_color=hd.color.CIELabColor.from_rgb(*described.colour),
    )
