"""Trained weights, loaded once, as a function from radiographs to masks."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from handbone.api.prediction import Prediction
from handbone.api.reading import ImageLike, read_radiograph
from handbone.core.errors import HandboneError
from handbone.formats.image_files import Invert, split_frame
from handbone.formats.image_search import InputImage, find_images
from handbone.method.settings import read_settings
from handbone.method.two_stage import TwoStage
from handbone.networks.exported.opening import Runtime
from handbone.recipe.schema import ViewName
from handbone.workflows.outlining import Hands, outline, records_of


@dataclass(frozen=True)
class FailedImage:
    """An image that could not be outlined; as text, why.

    Parameters
    ----------
    name: its path relative to what was given.
    path: where it is.
    error: a `HandboneError` with one sentence, or an exception that nobody foresaw.
    """

    name: str
    path: Path
    error: Exception

    def __str__(self) -> str:
        if isinstance(self.error, HandboneError):
            return str(self.error)
        return f"{self.path}: {type(self.error).__name__}: {self.error}"


def _warn(failure: FailedImage) -> None:
    warnings.warn(f"left out: {failure}", stacklevel=3)


@dataclass(frozen=True, eq=False, repr=False)
class Segmenter:
    """Outlines hands with one set of weights, which it holds in memory. `load` makes it.

    Parameters
    ----------
    method: the networks and everything that decides a mask.
    weights: what they were loaded from.
    invert: "yes" where bones are dark in the images, "no" where they are bright, "auto" to find out of each.
    mm_per_px: size of a pixel for measurements; None: what the files say.
    """

    method: TwoStage
    weights: str
    invert: Invert = "auto"
    mm_per_px: float | None = None

    @property
    def threshold(self) -> float:
        """Probability from which a pixel belongs to a bone."""
        return self.method.threshold

    def predict(self, image: ImageLike, *, name: str | None = None) -> Prediction:
        """Outline the hand that an image shows best.

        Parameters
        ----------
        image: a file, an array or a `Radiograph`, see `read_radiograph`.
        name: what tables and files call it; by default the file's name, or "image".

        Returns
        -------
        Its masks are the same as those of `handbone predict`. Without a hand there are none.

        Raises
        ------
        HandboneError: as `read_radiograph`.
        """
        return self._predict(image, name, "one")[0]

    def predict_hands(self, image: ImageLike, *, name: str | None = None) -> list[Prediction]:
        """Outline each hand of an image, from left to right, as NAME#1, NAME#2 and so on; at least one entry.

        Parameters are those of `predict`.

        Raises
        ------
        HandboneError: as `read_radiograph`.
        """
        return self._predict(image, name, "all")

    def predict_many(
        self,
        images: str | Path | Iterable[str | Path],
        *,
        hands: Hands = "one",
        on_error: Callable[[FailedImage], object] = _warn,
    ) -> Iterator[Prediction]:
        """Outline files and folders, one image in memory at a time, sorted by name; an image that fails costs no other.

        Parameters
        ----------
        images: files, or folders, which are searched with all folders below.
        hands: "one" gives the hand that each image shows best, "all" each hand of each image.
        on_error: is called with each image that fails. By default it is a warning; `failed.append` collects them, and a
            function that raises ends the loop.

        Raises
        ------
        HandboneError: at once, where a path does not exist or there is no image at all.
        """
        found = find_images([images] if isinstance(images, str | Path) else images)
        return self._stream(found.images, hands, on_error)

    def _stream(
        self, images: Sequence[InputImage], hands: Hands, on_error: Callable[[FailedImage], object]
    ) -> Iterator[Prediction]:
        for image in images:
            try:
                predictions = self._predict(image.path, image.key, hands)
            except Exception as error:  # one image must not cost the others
                on_error(FailedImage(image.key, image.path, error))
                continue
            yield from predictions

    def _predict(self, image: ImageLike, name: str | None, hands: Hands) -> list[Prediction]:
        path = Path(image) if isinstance(image, str | Path) else None
        radiograph = read_radiograph(image, invert=self.invert)
        found = outline(self.method, radiograph, invert=self.invert, hands=hands)
        records = records_of(name or ("image" if path is None else path.name), path, found)
        file = None if path is None else split_frame(path)[0]
        return [Prediction(*made, file, self.mm_per_px, self.weights) for made in zip(found, records, strict=True)]

    def __repr__(self) -> str:
        return f"Segmenter({self.weights!r}, threshold={self.threshold}, invert={self.invert!r})"


def load(
    weights: str | Path = "zero_shot",
    *,
    device: str | None = None,
    threshold: float | None = None,
    flip_tta: bool | None = None,
    views: Sequence[ViewName] | None = None,
    invert: Invert | None = None,
    runtime: Runtime = "auto",
    mm_per_px: float | None = None,
) -> Segmenter:
    """Load trained weights. Options mean what those of `handbone predict` mean, and give the same masks.

    Parameters
    ----------
    weights: a name (`handbone weights list`), a run's folder, a folder of weights or of `handbone export-model`, or a
        weights file.
    device: where networks work, such as "cpu" or "cuda"; by default an accelerator, where there is one.
    threshold: lowest probability at which a pixel belongs to a bone, 0.01 to 0.99; by default as the weights say.
    flip_tta: whether to average with the mirrored image, which takes twice the time; by default as the weights say.
    views: average these views: "brightness" (four times the time), "turned" (five times); () takes none. By default as
        the weights say.
    invert: "yes" where bones are dark in the images, "no" where they are bright, "auto" to find out of each. By default
        as the weights say.
    runtime: what computes the networks: "torch", "onnx" or "openvino". By default torch for weights, and for a folder
        of `handbone export-model` the library that it was exported for.
    mm_per_px: size of a pixel for measurements; by default what each file says.

    Raises
    ------
    HandboneError: no weights there, weights that are damaged, no such device or runtime, or an option out of range.
    UnknownNameError: views that there are not.
    """
    _check(threshold=threshold, flip_tta=flip_tta, invert=invert, runtime=runtime, mm_per_px=mm_per_px)
    if isinstance(views, str):
        raise HandboneError(f"views cannot be {views!r}", remedy=f"give a list, such as [{views!r}]")
    settings = read_settings(weights).but(threshold=threshold, flip_tta=flip_tta, views=views, invert=invert)
    method = TwoStage.from_path(weights, settings=settings, runtime=runtime, device=device)
    return Segmenter(method, str(weights), settings.invert, mm_per_px)


def _check(
    *,
    threshold: float | None,
    flip_tta: bool | None,
    invert: str | None,
    runtime: str,
    mm_per_px: float | None,
) -> None:
    """Refuse what `load` does not take, before anything is read; HandboneError says what it takes."""
    if threshold is not None and not 0.01 <= threshold <= 0.99:
        raise HandboneError(f"the threshold {threshold} is out of range", remedy="give one from 0.01 to 0.99")
    if mm_per_px is not None and not 1e-4 <= mm_per_px <= 10:
        raise HandboneError(f"a pixel of {mm_per_px} mm is out of range", remedy="give a size from 0.0001 to 10")
    if flip_tta not in (None, True, False):
        raise HandboneError(f"flip_tta cannot be {flip_tta!r}", remedy="give True or False")
    if invert not in (None, *get_args(Invert)):
        raise HandboneError(f"invert cannot be {invert!r}", remedy="give 'auto', 'yes' or 'no'")
    if runtime not in get_args(Runtime):
        raise HandboneError(f"the runtime cannot be {runtime!r}", remedy="give 'auto', 'torch', 'onnx' or 'openvino'")
