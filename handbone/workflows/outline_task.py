"""The work of `predict` on one image, as any process can do it: read, outlined, drawn and kept."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.core.radiograph import Radiograph
from handbone.formats.image_files import MAX_PIXELS, Invert, check_pixels, read_image, split_frame
from handbone.formats.image_search import InputImage
from handbone.method.two_stage import TwoStage
from handbone.report.overlay import draw_overlay
from handbone.workflows.one_by_one import Find, Job, Made, Opened, Outcome
from handbone.workflows.outlining import Hands, names_of_hands, outline, records_of
from handbone.workflows.page_image import write_page_image
from handbone.workflows.png_file import write_png
from handbone.workflows.stored_results import StoredResults


@dataclass(frozen=True)
class Stemmed:
    """An image, and what files made from it are called."""

    image: InputImage
    stem: str


@dataclass(frozen=True)
class OutlineTask:
    """Outlining as a value that other processes can be handed.

    Parameters
    ----------
    load: gives the networks. Two tasks of one fingerprint load the same.
    folder: where results are kept. fingerprint: of the method and its settings. earlier: folders of earlier results.
    invert, max_pixels, hands: as `predict_images` has them. page: whether images of the page are kept, too.
    """

    load: Callable[[], TwoStage] = field(compare=False)
    folder: Path
    fingerprint: str
    earlier: tuple[Path, ...] = ()
    invert: Invert = "auto"
    max_pixels: int = MAX_PIXELS
    hands: Hands = "one"
    page: bool = False
    networks: bool = True

    def open(self) -> Opened[Stemmed]:
        """Load the networks."""
        kept = StoredResults(self.folder, self.fingerprint, page=self.page)
        earlier = tuple(StoredResults(folder, self.fingerprint) for folder in self.earlier)
        return Opened(kept, earlier, partial(self._job, self.load(), kept))

    def lost(self, item: Stemmed, why: str) -> Outcome:
        """An image whose processes died has failed."""
        return Outcome(item.image.key, error=f"{item.image.path}: {why}")

    def _job(self, method: TwoStage, kept: StoredResults, item: Stemmed) -> Job:
        image = item.image
        return Job(
            image.key,
            item.stem,
            str(image.path),
            key=partial(kept.key, split_frame(image.path)[0]),
            known=partial(self._known, item),
            load=partial(self._read, image.path),
            make=partial(self._made, method, kept, item),
        )

    def _read(self, path: Path) -> Radiograph:
        check_pixels(path, self.max_pixels)
        return read_image(path, invert=self.invert, max_pixels=self.max_pixels)

    def _made(self, method: TwoStage, kept: StoredResults, item: Stemmed, radiograph: Radiograph) -> list[Made]:
        """The results of an image, one per hand, and what draws their overlays."""
        found = outline(method, radiograph, invert=self.invert, hands=self.hands)
        records = records_of(item.image.key, item.image.path, found)
        made = []
        for one, record, stem in zip(found, records, names_of_hands(item.stem, len(found)), strict=True):
            shown = kept.page_image(stem) if self.page else None
            draw = partial(_draw, image=one.radiograph.image, masks=one.masks, doubtful=one.doubtful, shown=shown)
            made.append(Made(record.name, stem, {"record": asdict(record), "rle": one.masks.to_rle()}, draw))
        return made

    def _known(self, item: Stemmed, find: Find) -> list[str]:
        """The names of the kept results of an image, one per hand, if all of them are there; else none."""
        key = item.image.key
        if find(key, item.stem) is not None:
            return [key]
        first = find(*(names_of_hands(name, 2)[0] for name in (key, item.stem))) if self.hands == "all" else None
        if first is None:
            return []
        count = first["record"]["hands"]
        names, stems = names_of_hands(key, count), names_of_hands(item.stem, count)
        return names if all(find(name, stem) for name, stem in zip(names, stems, strict=True)) else []


def _draw(path: Path, image: np.ndarray, masks: BoneMasks, doubtful: Sequence[int], shown: Path | None) -> None:
    if shown is not None:
        write_page_image(shown, image)
    write_png(path, draw_overlay(image, masks, doubtful=doubtful))
