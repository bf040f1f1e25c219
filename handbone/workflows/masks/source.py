"""Masks of many images, by name, with the radiographs that they belong to as far as these are at hand."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import CONTEST_HW
from handbone.formats.image_files import split_frame
from handbone.plugins import PredictedImage
from handbone.workflows.outputs import file_stems

#: Name, and height and width, of images.
Sizes = Iterable[tuple[str, tuple[int, int]]]


class MaskSource(ABC):
    """Masks of named images, read one image at a time.

    path: where they are. layout: how they are written. names: of the images, as the source writes and orders them.
    model: the weights that outlined them; empty where unknown.
    """

    path: Path
    layout: str
    names: list[str]
    model: str = ""

    @property
    def recorded(self) -> Mapping[str, Mapping[str, Any]]:
        """What `handbone predict` wrote of each image, by name; empty for masks of others."""
        return {}

    @abstractmethod
    def masks(self, name: str, size_hw: tuple[int, int]) -> BoneMasks:
        """The masks of an image of that size; HandboneError where they cannot be read, or are of another size."""

    @abstractmethod
    def size_hw(self, name: str) -> tuple[int, int] | None:
        """The height and width of an image, where the source or its radiograph says it."""

    def radiograph(self, name: str) -> Path | None:
        """The image's radiograph, `FILE#N` for one of a file that holds several; None where it is not at hand."""
        return None

    def check(self, sizes: Sizes) -> None:  # noqa: B027 - most kinds say how they are written
        """Refuse masks that seem to be written in another way than they are read; HandboneError says how."""

    def image(self, name: str) -> PredictedImage:
        """One image with its masks and its radiograph; one without a known size is in the contest's frame.

        Raises
        ------
        HandboneError: its masks cannot be read, or don't fit it.
        """
        path, record = self.radiograph(name), self.recorded.get(name, {})
        file, frame = split_frame(path or "")
        spacing = record.get("spacing_mm")
        return PredictedImage(
            name,
            file if path else None,
            self.masks(name, self.size_hw(name) or CONTEST_HW),
            record.get("confidence", {}),
            self._stems[name],
            frame=frame,
            flags=record.get("flags", ()),
            model=self.model,
            spacing_mm=tuple(spacing) if spacing else None,
        )

    @cached_property
    def _stems(self) -> dict[str, str]:
        return file_stems(self.names)


def refuse_other_size(path: Path, name: str, stated: tuple[int, int] | None, size_hw: tuple[int, int]) -> None:
    """Refuse masks of another size than their image; HandboneError says where, and what to do."""
    if stated is not None and stated != size_hw:
        sizes = f"masks of {stated[1]} x {stated[0]} pixels, but the image has {size_hw[1]} x {size_hw[0]}"
        remedy = "check that it is the same image, or export the masks in its size"
        raise HandboneError(f"{name}: {sizes}", where=path, remedy=remedy)
