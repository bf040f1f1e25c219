"""Layouts whose label files each hold the labels of many images."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Generic

from handbone.core.findings import Finding
from handbone.core.samples import Sample
from handbone.formats.named_images import Entry, Listing


@dataclass(frozen=True)
class SharedFiles(ABC, Generic[Entry]):
    """A folder of images with one or several files of labels.

    Parameters
    ----------
    root: the folder. annotations: the file, relative to it; by default every one in it.
    class_map: labels to bone names.
    """

    #: What findings call the labels of an image.
    kind: ClassVar[str]

    root: Path
    annotations: str | None = None
    class_map: dict[str, str] = field(default_factory=dict)

    @abstractmethod
    def find_files(self) -> Iterable[Path]:
        """Every label file in the folder."""

    @abstractmethod
    def join(self, listing: Listing[Entry]) -> None:
        """Join what `label_files` hold to the images."""

    @cached_property
    def label_files(self) -> set[Path]:
        """The files that are read."""
        return {self.root / self.annotations} if self.annotations else set(self.find_files())

    @cached_property
    def entries(self) -> dict[Path, Entry]:
        """The labels of every listed image as its file has them, filled by `list_samples`."""
        return {}

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every image; findings name those without labels, and labels without an image."""
        listing: Listing[Entry] = Listing(self.root, self.kind)
        self.join(listing)
        self.entries.clear()
        self.entries.update({image: entry for image, (_, entry) in listing.entries.items()})
        samples = list(listing.samples(shared=True))
        return samples, listing.problems
