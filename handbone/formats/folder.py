"""Images alone, in a folder and the folders under it: for prediction."""

import re
from dataclasses import dataclass
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.samples import Sample, Side
from handbone.formats.image_files import stem_of
from handbone.formats.image_search import images_under

#: Of the layout.
NAME = "folder"
# Only the last part of a name says the side: names may hold further underscores.
_SIDE = re.compile(r"[_-](R|L|right|left)$", re.IGNORECASE)


def side_and_patient(stem: str) -> tuple[Side | None, str]:
    """The side that ends a file's stem ("hand_7_R" gives "R"; None without one), and the stem without it."""
    match = _SIDE.search(stem)
    if not match:
        return None, stem
    return "L" if match[1][0].upper() == "L" else "R", stem[: match.start()]


@dataclass(frozen=True)
class Folder:
    """A folder of images without labels."""

    root: Path
    name: str = NAME

    @property
    def label_files(self) -> set[Path]:
        """None is read."""
        return set()

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every image, each its own patient unless two names differ in their side only."""
        samples = []
        for path in images_under(self.root):
            side, patient_id = side_and_patient(stem_of(path))
            patient_id = str(path.parent.relative_to(self.root) / patient_id)
            samples.append(Sample(path.name, path, None, patient_id, side, "test"))
        return samples, []

    def read_labels(self, sample: Sample) -> Labels:
        """Refused: there are none."""
        raise HandboneError("this layout has no labels", where=sample.image)
