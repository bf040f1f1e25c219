"""A group's own radiographs with the teacher's masks, read one at a time and kept as one small file each."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from handbone.anatomy import COUNT
from handbone.core.errors import HandboneError
from handbone.core.files import write_text
from handbone.core.progress import track
from handbone.data.labelled_image import LabelledImage
from handbone.formats.image_files import read_image
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage
from handbone.workflows.adapt.pseudo_masks import PseudoMasks, outline


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A radiograph and its pseudo-masks; the image is read when it is needed."""

    path: Path
    masks: PseudoMasks

    def image(self) -> LabelledImage:
        """The radiograph with its contours, as examples are made from it."""
        return LabelledImage(
            self.path.name, lambda: read_image(self.path).image, self.masks.size_hw, self.masks.polygons
        )


class Outliner:
    """Makes a round's pseudo-masks, or reads those that an interrupted run left.

    Parameters
    ----------
    teacher, settings: as `outline`.
    paths: all radiographs.
    folder: gets `ROUND/NUMBER.json` for each radiograph.
    """

    def __init__(self, teacher: Stage, settings: MethodSettings, paths: Sequence[Path], folder: Path):
        self.teacher, self.settings, self.paths, self.folder = teacher, settings, paths, folder

    def __call__(self, turn: int, numbers: Sequence[int]) -> list[Radiograph]:
        """The usable radiographs among some, in their order.

        Raises
        ------
        HandboneError: none is usable.
        """
        found = []
        for number in track(numbers, f"Outlining for round {turn + 1}"):
            value = self._value(self.folder / f"{turn:03}" / f"{number:05}.json", self.paths[number])
            if value["usable"]:
                found.append(Radiograph(self.paths[number], PseudoMasks.from_json(value["masks"])))
        if not found:
            raise HandboneError(
                f"views and anatomy do not agree on enough bones in any of the {len(numbers)} radiographs",
                remedy="give radiographs of whole hands, or start from other weights with --weights",
            )
        return found

    def _value(self, file: Path, path: Path) -> dict:
        if not file.is_file():
            write_text(file, json.dumps(self._outlined(path)))
        return json.loads(file.read_text(encoding="utf-8"))

    def _outlined(self, path: Path) -> dict:
        try:
            image = read_image(path).image
        except HandboneError as error:
            return {"usable": False, "error": str(error)}
        masks = outline(self.teacher, self.settings, image)
        if masks is None:
            return {"usable": False}
        return {"usable": masks.usable, "masks": masks.to_json()}

    def summary(self) -> dict:
        """What the pseudo-masks of all rounds were worth.

        `outlined`: radiographs outlined, once a round; `used`: how often there was enough to learn from;
        `bones_used`: share of bones with weight there; `left_out`: reason to number of bones without.
        """
        outlined, used, reasons = 0, 0, Counter[str]()
        for value in self._values():
            outlined += 1
            if value["usable"]:
                used += 1
                reasons.update(value["masks"]["dropped"].values())
        share = 1 - reasons.total() / (COUNT * max(used, 1))
        return {
            "outlined": outlined,
            "used": used,
            "bones_used": round(share, 4),
            "left_out": dict(reasons.most_common()),
        }

    def errors(self) -> set[str]:
        """A sentence for each radiograph that could not be read."""
        return {value["error"] for value in self._values() if "error" in value}

    def _values(self) -> Iterator[dict]:
        # One at a time: contours of thousands of radiographs would fill the memory.
        for file in sorted(self.folder.glob("*/*.json")):
            yield json.loads(file.read_text(encoding="utf-8"))
