"""NIfTI masks, one file per bone in one folder per image: `NAME/BONE.nii.gz`, as TotalSegmentator leaves them.

https://nifti.nimh.nih.gov/nifti-1; nibabel reads and writes it. A file's axes are x and y, those of an array rows and
columns, so that each is the other transposed. NIfTI counts towards right and anterior, a radiograph's pixels towards
left and posterior as in DICOM: both signs of the affine are negative.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType

import numpy as np

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.samples import Sample, relative_to
from handbone.formats.image_files import MAX_PIXELS, size_of
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.named_images import Listing
from handbone.formats.shapes import Shape, labels_of
from handbone.formats.working_copies import write_copy
from handbone.plugins.writing import PredictedImage, SplitWriter

SUFFIXES = (".nii.gz", ".nii")
#: Of the layout.
NAME = "nifti"


def fits(root: Path) -> bool:
    """Whether a folder in a folder holds a bone's mask."""
    return any(_bone_of(path) in anatomy.INDEX for path in root.rglob("*/*.nii*"))


def _bone_of(path: Path) -> str:
    """The name of a file without its extension; an empty one of other files."""
    return next((path.name.removesuffix(suffix) for suffix in SUFFIXES if path.name.endswith(suffix)), "")


def _nibabel() -> ModuleType:
    try:
        import nibabel
    except ImportError:
        remedy = "pip install 'handbone[volumes]'"
        raise HandboneError("the format nifti needs the package nibabel", remedy=remedy) from None
    return nibabel


class NiftiWriter(SplitWriter):
    """Writes `STEM/BONE.nii.gz` to a folder, 1 on the bone, with a copy of the radiograph beside that folder.

    A millimetre is a millimetre where the image's spacing is known, otherwise a pixel.
    """

    def __init__(self, folder: Path):
        self._folder, self._nibabel = folder, _nibabel()

    def part(self, image: PredictedImage) -> None:
        """Write one image's masks, none for bones that were not found.

        Raises
        ------
        HandboneError: its radiograph is not at hand.
        """
        write_copy(image, self._folder)
        folder = self._folder / image.stem
        folder.mkdir(parents=True, exist_ok=True)
        down, across = image.spacing_mm or (1.0, 1.0)
        affine = np.diag([-across, -down, 1.0, 1.0])
        for bone in np.flatnonzero(image.masks.present()).tolist():
            name, confidence = anatomy.NAMES[bone], image.confidence.get(anatomy.NAMES[bone])
            volume = self._nibabel.Nifti1Image(image.masks.mask(bone).T[..., None].astype(np.uint8), affine)
            volume.header.set_xyzt_units("mm" if image.spacing_mm else "unknown")
            known = f"{image.model} {'' if confidence is None else f'p={confidence:.4f}'}".strip()
            volume.header["descrip"] = f"handbone {known}".encode()[:79]
            self._nibabel.save(volume, folder / f"{name}.nii.gz")

    def add(self, part: None) -> None:
        """Nothing: each image has files of its own."""

    def close(self) -> None:
        """Nothing is left to do."""


@dataclass(frozen=True)
class Nifti:
    """A folder of images, each with a folder of its name that holds the bones' masks.

    Parameters
    ----------
    root: the folder. class_map: names of files, without their extensions, to bone names.
    """

    root: Path
    class_map: dict[str, str] = field(default_factory=dict)
    name: str = NAME

    @cached_property
    def label_files(self) -> set[Path]:
        """The files that are read."""
        return {path for path in self.root.rglob("*/*.nii*") if _bone_of(path) and not path.name.startswith(".")}

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every image; findings name those without masks, and masks without an image."""
        listing: Listing[None] = Listing(self.root, "folder of masks")
        for folder in sorted({path.parent for path in self.label_files}):
            listing.add_beside(folder, folder, None)
        samples = list(listing.samples())
        return samples, listing.problems

    def read_labels(self, sample: Sample) -> Labels:
        """The labels; a file's affine says how it lies, as in tools that show it.

        Raises
        ------
        HandboneError: the image or a file cannot be read, or a file has several slices.
        """
        assert sample.annotation is not None
        size_hw = size_of(sample.image)
        builder = LabelsBuilder(relative_to(sample.annotation, self.root), size_hw, self.class_map)
        masks = {bone: _read(path) for path in sorted(sample.annotation.iterdir()) if (bone := _bone_of(path))}
        sizes = {mask.shape for mask in masks.values()}
        if len(sizes) > 1:
            what = f"its masks have different sizes: {', '.join(f'{w} x {h}' for h, w in sorted(sizes))}"
            raise HandboneError(what, where=sample.annotation, remedy="export them again")
        shapes = [Shape(bone, mask=mask) for bone, mask in masks.items() if mask.any()]
        return labels_of(shapes, builder, declared_hw=next(iter(sizes), None), size_hw=size_hw)


def _read(path: Path) -> np.ndarray:
    """A file's mask, bool (H, W), as a radiograph lies."""
    nibabel = _nibabel()
    try:
        volume = nibabel.as_closest_canonical(nibabel.load(path))
        if math.prod(volume.shape) > MAX_PIXELS:
            raise ValueError("too many voxels")
        values = np.asanyarray(volume.dataobj)
        if values.dtype.kind not in "biuf":
            raise ValueError(f"its values are of the type {values.dtype.name}")
    except Exception as error:  # nibabel raises many kinds on damaged files
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise HandboneError(f"cannot be read ({said})", where=path, remedy="save it again") from None
    if values.ndim < 2 or any(side != 1 for side in values.shape[2:]):
        what = f"it has the shape {values.shape}, and a radiograph has one slice"
        raise HandboneError(what, where=path, remedy="save the mask of the radiograph itself")
    plane = np.nan_to_num(values.reshape(values.shape[:2]))  # some tools write what is no number beside a mask
    return np.ascontiguousarray(plane[::-1, ::-1].T != 0)
