"""The built-in reader and writers by name."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from handbone.formats.signatures import EXTENSIONS, is_image
from handbone.plugins import NoSettings, ReaderSpec, WriterSpec, hookimpl
from handbone.recipe.schema import Table

if TYPE_CHECKING:
    from handbone.core.radiograph import Radiograph
    from handbone.plugins.writing import Writer


class CocoSettings(Table):
    """Settings of COCO files."""

    segmentation: Literal["rle", "polygon"] = Field(
        default="rle", description="rle: exact; polygon: contours that can be edited, which lose holes"
    )


class LabelmeSettings(Table):
    """Settings of labelme's files."""

    shapes: Literal["polygon", "mask"] = Field(
        default="polygon", description="polygon: outlines that can be edited; mask: exact, but labelme cannot edit it"
    )
    tolerance: float = Field(
        default=2.0, ge=0, le=100, description="pixels by which an outline may leave its mask for fewer vertices"
    )


class LabelStudioSettings(Table):
    """Settings of Label Studio's tasks."""

    prefix: str = Field(
        default="/data/local-files/?d=",
        description="what comes before images/NAME; default: Label Studio's local files",
    )


def _image(settings: NoSettings) -> "Callable[[Path], Radiograph]":
    from handbone.formats.raster import read_raster

    return read_raster


def _coco(settings: CocoSettings, *, folder: Path) -> "Writer":
    from handbone.formats.coco_writer import CocoWriter

    return CocoWriter(folder, polygons=settings.segmentation == "polygon")


def _png(settings: Any, *, folder: Path) -> "Writer":
    from handbone.formats.png_writer import PngWriter

    return PngWriter(folder)


def _contest_csv(settings: Any, *, folder: Path) -> "Writer":
    from handbone.formats.contest_csv_writer import ContestWriter

    return ContestWriter(folder)


def _labelme(settings: LabelmeSettings, *, folder: Path) -> "Writer":
    from handbone.formats.labelme import LabelmeWriter

    return LabelmeWriter(folder, masks=settings.shapes == "mask", tolerance=settings.tolerance)


def _cvat(settings: Any, *, folder: Path) -> "Writer":
    from handbone.formats.cvat import CvatWriter

    return CvatWriter(folder)


def _label_studio(settings: LabelStudioSettings, *, folder: Path) -> "Writer":
    from handbone.formats.label_studio_writer import LabelStudioWriter

    return LabelStudioWriter(folder, prefix=settings.prefix)


def _seg_nrrd(settings: Any, *, folder: Path) -> "Writer":
    from handbone.formats.seg_nrrd import SegNrrdWriter

    return SegNrrdWriter(folder)


def _nifti(settings: Any, *, folder: Path) -> "Writer":
    from handbone.formats.nifti import NiftiWriter

    return NiftiWriter(folder)


@hookimpl
def handbone_readers() -> list[ReaderSpec]:
    """image."""
    return [
        ReaderSpec(
            name="image",
            summary="PNG, JPEG, TIFF, WebP, BMP, GIF and JPEG 2000 of any depth, grey or colour",
            extensions=EXTENSIONS,
            recognises=is_image,
            build=_image,
        )
    ]


@hookimpl
def handbone_writers() -> list[WriterSpec]:
    """coco, labelme, cvat, label_studio, seg_nrrd, nifti, png, contest_csv."""
    return [
        WriterSpec(
            name="coco",
            summary="annotations.json of all images, as COCO's tools read it",
            build=_coco,
            settings=CocoSettings,
        ),
        WriterSpec(
            name="labelme",
            summary="NAME.json beside a copy of each radiograph, to correct in labelme",
            build=_labelme,
            settings=LabelmeSettings,
        ),
        WriterSpec(
            name="cvat",
            summary="annotations.xml (CVAT for images 1.1), labels.json and images/, to correct in CVAT",
            build=_cvat,
        ),
        WriterSpec(
            name="label_studio",
            summary="tasks.json, config.xml and images/, to correct in Label Studio",
            build=_label_studio,
            settings=LabelStudioSettings,
        ),
        WriterSpec(
            name="seg_nrrd",
            summary="NAME.seg.nrrd beside a copy of each radiograph, to correct in 3D Slicer; needs handbone[volumes]",
            build=_seg_nrrd,
        ),
        WriterSpec(
            name="nifti",
            summary="NAME/BONE.nii.gz beside a copy of each radiograph; needs handbone[volumes]",
            build=_nifti,
        ),
        WriterSpec(name="png", summary="NAME/BONE.png, black and white, 29 an image", build=_png),
        WriterSpec(
            name="contest_csv",
            summary="predictions.csv with the contest's columns, and sizes where they are not 2048 x 2048",
            build=_contest_csv,
        ),
    ]
