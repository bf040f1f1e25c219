"""What an enhanced multi-frame file says of a frame apart from the others (PS3.3 C.7.6.16)."""

from collections.abc import Iterator

from pydicom.dataset import Dataset

#: Elements that are read.
TAGS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
# The groups that say how values are shown and how large a pixel is, and what is taken from them.
_MACROS = {
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    "PixelMeasuresSequence": ("PixelSpacing",),
}


def of_frame(dataset: Dataset, index: int) -> Dataset:
    """A file's elements with those of one of its frames, from 0, in place of what is said of all."""
    found = Dataset()
    for group in (*_items(dataset, TAGS[0]), *_items(dataset, TAGS[1])[index : index + 1]):
        for name, value in _elements(group):
            setattr(found, name, value)
    if not len(found):
        return dataset
    told = Dataset(dict(dataset.items()))
    told.update(found)
    return told


def _elements(group: Dataset) -> Iterator[tuple[str, object]]:
    for macro, names in _MACROS.items():
        for item in _items(group, macro)[:1]:
            yield from ((name, item[name].value) for name in names if name in item)


def _items(dataset: Dataset, name: str) -> list[Dataset]:
    """The items of a sequence; none where it is missing or something else."""
    try:
        return [item for item in dataset.get(name) or () if isinstance(item, Dataset)]
    except Exception:  # a malformed element, which pydicom reads only now
        return []
