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
    """coco, png, contest_csv."""
    return [
        WriterSpec(
            name="coco",
            summary="annotations.json of all images, as COCO's tools read it",
            build=_coco,
            settings=CocoSettings,
        ),
        WriterSpec(name="png", summary="NAME/BONE.png, black and white, 29 an image", build=_png),
        WriterSpec(
            name="contest_csv",
            summary="predictions.csv with the contest's columns, and sizes where they are not 2048 x 2048",
            build=_contest_csv,
        ),
    ]
