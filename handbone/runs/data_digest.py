"""What tells one data set from another, cheaply enough for 800 images of 2048 x 2048."""

from handbone.core.files import sha256_of
from handbone.data.dataset import Dataset


def data_digest(dataset: Dataset) -> list[tuple]:
    """Names, image sizes in bytes and the sha256 of every annotation file.

    Images are told apart by name and length, not by content or time: reading gigabytes at every start would bore, and
    copying a folder must not retrain a network.
    """
    annotations = sorted({s.annotation for s in dataset.samples if s.annotation is not None})
    shas = {path: sha256_of(path) for path in annotations if path.is_file()}
    return [
        (sample.name, sample.split, sample.image.stat().st_size, shas.get(sample.annotation))
        for sample in dataset.samples
    ]
