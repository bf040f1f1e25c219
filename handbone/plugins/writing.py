"""The input and the protocol of writers of masks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from handbone.core.bone_masks import BoneMasks
    from handbone.core.radiograph import Radiograph


@dataclass(frozen=True, eq=False)
class PredictedImage:
    """One image with its masks.

    Parameters
    ----------
    name: the image's key, by which results are joined: its path relative to what was given, with `/`.
    path: the file that was outlined; None where it is not at hand (masks from a CSV alone).
    masks: in the image's own pixels.
    confidence: name of each bone that was found to the probability that its mask is right; empty where unknown.
    stem: what to call files of this image: its name, without the extension where no other image has the same then.
        It may hold `/`; the folders that it names are there.
    frame: which image of its file it is, from 1.
    flags: reasons to look again, as `predictions.json` has them: rule, bones and message of each.
    model: the weights that outlined it; empty where unknown.
    spacing_mm: from one row to the next and from one column to the next, where known.
    radiograph: as it was read, where it is in memory.
    """

    name: str
    path: Path | None
    masks: "BoneMasks"
    confidence: Mapping[str, float] = field(default_factory=dict)
    stem: str = ""
    frame: int = 1
    flags: Sequence[Mapping[str, Any]] = ()
    model: str = ""
    spacing_mm: tuple[float, float] | None = None
    radiograph: "Radiograph | None" = None

    def __post_init__(self) -> None:
        if not self.stem:
            object.__setattr__(self, "stem", self.name)


class Writer(Protocol):
    """Writes masks into the folder that it was built for, one image after the other, with no more memory for many."""

    def write(self, image: PredictedImage) -> None:
        """Write or append one image's masks.

        Raises
        ------
        HandboneError: this image cannot be written in this format; nothing of it is.
        """

    def close(self) -> None:
        """Finish files that hold several images; called once, after the last image."""


class SplitWriter(ABC):
    """A writer whose work on one image can be done by another writer of the same folder, in any process."""

    @abstractmethod
    def part(self, image: PredictedImage) -> Any:
        """Do what needs no other image, such as files of its own; gives what `add` takes, picklable.

        Raises
        ------
        HandboneError: this image cannot be written in this format; nothing of it is.
        """

    @abstractmethod
    def add(self, part: Any) -> None:
        """Append to files that hold several images."""

    def write(self, image: PredictedImage) -> None:
        """Write one image's masks; raises as `part` does."""
        self.add(self.part(image))

    @abstractmethod
    def close(self) -> None:
        """Finish files that hold several images; called once, after the last image, and not where parts are made."""
