"""Look-up tables as DICOM PS3.3 C.11.1 and C.11.2 have them, and as manufacturers write them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Lut:
    """A table that can be used.

    Parameters
    ----------
    first: the value that the first entry stands for.
    entries: (n,) what values become, at least two different ones.
    """

    first: int
    entries: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """What values (H, W) become, float32; those beyond the table as its first or last entry."""
        index = np.rint(values - np.float32(self.first)).clip(0, len(self.entries) - 1).astype(np.int64)
        return self.entries[index].astype(np.float32)

    @property
    def top(self) -> int:
        """The highest value of as many bits as the entries need; headers say 16 where 12 are used."""
        return 2 ** int(self.entries.max()).bit_length() - 1


def first_usable(items: Iterable[Dataset] | None, *, signed: bool) -> Lut | None:
    """The first table of a sequence that is whole and not constant; None without one.

    signed: whether the values that go in may be negative.
    """
    for item in items or ():
        try:
            lut = _read(item, signed=signed)
        except (TypeError, ValueError, IndexError, AttributeError, KeyError):
            continue
        if lut is not None and lut.entries.min() < lut.entries.max():
            return lut
    return None


def _read(item: Dataset, *, signed: bool) -> Lut | None:
    count, first, bits = (int(value) for value in item.LUTDescriptor)
    count = count % 65536 or 65536
    if signed and first >= 32768:
        first -= 65536
    entries = _entries(item.LUTData, count, bits)
    return None if entries is None else Lut(first, entries)


def _entries(data: object, count: int, bits: int) -> np.ndarray | None:
    """(count,) from words, from bytes in words, or from bytes; None where there are too few."""
    if not isinstance(data, bytes):
        words = np.atleast_1d(np.asarray(data, np.int64)) & 0xFFFF
        data = words.astype("<u2").tobytes()
    if len(data) >= 2 * count:
        return np.frombuffer(data, "<u2", count)
    # Entries of 8 bits may be packed two in a word, the first one in its lower half.
    if bits <= 8 and len(data) >= count:
        return np.frombuffer(data, np.uint8, count)
    return None
