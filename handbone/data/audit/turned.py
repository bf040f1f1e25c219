"""Labelled images that their files turn, where no size tells whether the labels were drawn before or after."""

from collections.abc import Iterable
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.orientation import shown_size_hw
from handbone.core.samples import Sample, relative_to
from handbone.data.dataset import Dataset
from handbone.formats.image_files import header_of

_SHOWN = 5
_REMEDY = (
    "check with 'handbone data check --labels' that the labels fit, or export images and labels again without the tag"
)


def turned_alike(dataset: Dataset, samples: Iterable[Sample]) -> Finding | None:
    """A warning that names labelled images which are as large turned as they are stored; None without any.

    A JPEG of 512 x 512 pixels with the EXIF tag of a quarter turn is one, and each image with that of a half turn or of
    a mirror. Labels of others are compared with the declared size, see `handbone.formats.label_frames`.
    """
    labelled = [sample.image for sample in samples if sample.annotation is not None]
    found = [relative_to(image, dataset.root) for image in labelled if _is_turned_alike(image)]
    if not found:
        return None
    named = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    message = (
        f"{len(found)} labelled image{'s are' if len(found) > 1 else ' is'} rotated or mirrored by an EXIF tag that "
        f"keeps the size, so labels in the stored frame cannot be told from labels in the shown one: {named}"
    )
    return Finding("warning", "turned-images", ".", message, _REMEDY)


def _is_turned_alike(image: Path) -> bool:
    try:
        header = header_of(image)
    except HandboneError:  # which reading it says
        return False
    return header.orientation != 1 and shown_size_hw(header.size_hw, header.orientation) == header.size_hw
