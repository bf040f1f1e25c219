"""What was found in one radiograph: masks, and what can be made of them."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from handbone import anatomy
from handbone.api.writing import write_images
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.radiograph import Radiograph
from handbone.formats.image_files import split_frame
from handbone.measure import Measurements, Scale, flagged_bones, measure_hand
from handbone.method.quality_control import Flag
from handbone.plugins import PredictedImage
from handbone.report.overlay import draw_overlay
from handbone.workflows.outlining import Outlined
from handbone.workflows.records import ImageRecord

if TYPE_CHECKING:
    import pandas as pd

# Side in pixels of the overlay that a notebook shows.
_SHOWN = 1024


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The bones of one hand in a radiograph. `Segmenter.predict` makes it; in a notebook it shows its overlay.

    Parameters
    ----------
    outlined: the radiograph, the outcome of the networks, and masks.
    record: what `predictions.json` says of it.
    path: the file; None for an image in memory.
    mm_per_px: size of a pixel, for `measure`; None: what the file says.
    weights: what outlined it; files of annotation tools keep it.
    """

    outlined: Outlined
    record: ImageRecord
    path: Path | None = None
    mm_per_px: float | None = None
    weights: str = ""

    @property
    def name(self) -> str:
        """What the image is called in tables and files."""
        return self.record.name

    @property
    def radiograph(self) -> Radiograph:
        """The radiograph as it was read, with bones bright."""
        return self.outlined.radiograph

    @property
    def masks(self) -> BoneMasks:
        """The masks, which may overlap: `masks["Capitate"]` and `masks["MC3"]` are bool (H, W).

        `masks.dense()` is bool (29, H, W), in the order of `handbone.BONES`. Iteration gives the names of the bones
        that were found. The mask of a bone that was not found is empty.
        """
        return self.outlined.masks

    @property
    def probabilities(self) -> BoneProbabilities:
        """Probability of each bone at each pixel: `probabilities["Capitate"]` is float32 (H, W) in [0, 1].

        `probabilities.dense()` is float32 (29, H, W). Values are multiples of 1/255, and 0 below 0.02.
        """
        return self.outlined.hand.outcome.final

    @property
    def confidence(self) -> Mapping[str, float]:
        """Name of each bone that was found to the probability, 0 to 1, that its mask is right."""
        return MappingProxyType(self.record.confidence)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Reasons to look again, each with `rule`, `bones` and `message`."""
        return tuple(self.outlined.flags)

    @property
    def hand_found(self) -> bool:
        """Whether the radiograph shows a hand; without one there are no masks."""
        return self.outlined.is_hand

    def overlay(self) -> Image.Image:
        """The radiograph with its bones outlined, RGB, as `handbone predict` draws it: flagged bones are dashed."""
        return Image.fromarray(draw_overlay(self.radiograph.image, self.masks, doubtful=self.outlined.doubtful))

    def measure(self, *, mm_per_px: float | None = None) -> Measurements:
        """All measurements of the hand: `measure()["carpal_height_ratio"]`, `measure()["length", "MC3"]`.

        Each has `value` (None where it was refused), `unit`, `scale_source`, `quality` and `reason`.
        `handbone.measure.MEASURES` defines them.

        Parameters
        ----------
        mm_per_px: size of a pixel; by default the segmenter's, else what the file says. Without any, lengths are
            pixels.
        """
        given = self.mm_per_px if mm_per_px is None else mm_per_px
        return measure_hand(
            self.masks,
            image=self.radiograph.image,
            scale=Scale.chosen(given, self.radiograph),
            flagged=flagged_bones(self.record.flags),
        )

    def to_dataframe(self) -> "pd.DataFrame":
        """A table of the 29 bones, one row each.

        Columns are image, bone, short_name, title, found, confidence, area_px, left, top, right, bottom and flags. The
        confidence of a bone that was not found is NaN. Boxes are half-open. Flags are messages, joined by "; ".
        """
        import pandas as pd

        messages = {name: [flag.message for flag in self.flags if name in flag.bones] for name in anatomy.NAMES}
        boxes = self.masks.boxes_xyxy
        return pd.DataFrame(
            {
                "image": self.name,
                "bone": anatomy.NAMES,
                "short_name": anatomy.SHORT_NAMES,
                "title": [bone.title for bone in anatomy.BONES],
                "found": self.masks.present(),
                "confidence": [self.confidence.get(name, np.nan) for name in anatomy.NAMES],
                "area_px": self.masks.areas(),
                **{side: boxes[:, number] for number, side in enumerate(("left", "top", "right", "bottom"))},
                "flags": ["; ".join(messages[name]) for name in anatomy.NAMES],
            }
        )

    def write(
        self,
        folder: str | Path,
        formats: Sequence[str],
        *,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the masks to FOLDER/FORMAT in each format; see `handbone.write`, which takes several images.

        Raises
        ------
        UnknownNameError, HandboneError: as `handbone.write`.
        """
        return write([self], folder, formats, settings=settings, overwrite=overwrite)

    def __repr__(self) -> str:
        height, width = self.masks.size_hw
        found = f"{int(self.masks.present().sum())} of {anatomy.COUNT} bones" if self.hand_found else "no hand"
        return f"Prediction({self.name!r}, {width} x {height}, {found}, flags: {len(self.flags)})"

    def _repr_png_(self) -> bytes:
        image = self.overlay()
        image.thumbnail((_SHOWN, _SHOWN))
        file = io.BytesIO()
        image.save(file, "PNG")
        return file.getvalue()


def write(
    predictions: Iterable[Prediction],
    folder: str | Path,
    formats: Sequence[str],
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the masks of predictions to FOLDER/FORMAT in each format, one image in memory at a time.

    The folder appears when everything is written. What else lies there stays.

    Parameters
    ----------
    predictions: such as `Segmenter.predict_many` gives them.
    formats: names of writers, such as "coco", "labelme" and "contest_csv"; plugins add more.
    settings: of formats, by name, such as {"coco": {"segmentation": "polygon"}}.
    overwrite: whether masks that handbone has written there before may go.

    Returns
    -------
    The folder.

    Raises
    ------
    UnknownNameError: there is no such format.
    HandboneError: a wrong setting, an image that a format cannot take, no prediction at all, or a folder that is taken.
    """
    write_images(map(_predicted, predictions), Path(folder), formats, settings or {}, overwrite=overwrite)
    return Path(folder)


def _predicted(prediction: Prediction) -> PredictedImage:
    path, frame = (None, 1) if prediction.path is None else split_frame(prediction.path)
    return PredictedImage(
        prediction.name,
        path,
        prediction.masks,
        dict(prediction.confidence),
        frame=frame,
        flags=[flag.to_json() for flag in prediction.flags],
        model=prediction.weights,
        spacing_mm=prediction.record.spacing_mm,
        radiograph=prediction.radiograph,
    )
