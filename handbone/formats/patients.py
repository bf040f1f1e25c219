"""Whose hand an image shows, from the folder that it lies in and from its name."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from handbone.core.samples import Side
from handbone.formats.folder import side_and_patient
from handbone.formats.image_files import stem_of

#: A folder of more images is a collection, not a patient's.
MOST_IMAGES = 10
# Folders that say what lies in them, not whose it is.
_GENERAL = re.compile(
    r"images?|imgs?|images?|radiographs?|x-?rays?|data(set)?|dcm|dicom|png|jpe?g|tiff?|masks?|labels?|annotations?|"
    r"train(ing|_?set)?|val(id|idation)?|test(ing|_?set)?|all|hands?|l|r|left|right|\d+px"
)


def patients_of(root: Path, images: Iterable[Path]) -> dict[Path, tuple[Side | None, str]]:
    """Side ("L", "R" or None) and patient of every image of a data set.

    The patient is the first folder below the root that holds few images and whose name is not a general one such as
    "images" or "train"; a folder that all images share says nothing. Without such a folder it is the image's path
    without its extension and without the side that ends its name.

    Parameters
    ----------
    root: the data set's folder. images: paths below it.
    """
    keys = {image: PurePosixPath(image.relative_to(root).as_posix()) for image in images}
    counts = Counter(folder for key in keys.values() for folder in key.parents)
    return {image: _side_and_patient(key, image, counts, len(keys)) for image, key in keys.items()}


def _side_and_patient(key: PurePosixPath, image: Path, counts: Counter, total: int) -> tuple[Side | None, str]:
    side, stem = side_and_patient(stem_of(image))
    for folder in list(key.parents)[-2::-1]:
        if counts[folder] <= MOST_IMAGES and counts[folder] < total and not _GENERAL.fullmatch(folder.name.lower()):
            return side, str(folder)
    return side, str(key.parent / stem)
