"""Contract of readers."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of
from handbone.plugin_kit.contracts.contract import Contract, NotGivenError, want
from handbone.plugins.specs import ReaderSpec

if TYPE_CHECKING:
    from handbone.core.radiograph import Radiograph

# What `recognises` is shown of a file.
_HEAD_BYTES = 512


class ReaderContract(Contract):
    """A reader turns a file into a grey image in [0, 1], or says which file it cannot read.

    Parameters
    ----------
    sample: a whole file of the format, small enough for a repository.
    """

    kind = "reader"
    sample: ClassVar[str | Path | None] = None

    def spec(self) -> ReaderSpec:
        """The spec under test."""
        return self._registered()[0]

    def build(self) -> "Callable[[Path], Radiograph]":
        """The function from a path to an image."""
        spec, settings = self._registered()
        reader = spec.build(settings)
        want(callable(reader), "build must return a function of a path", f"returned a {type(reader).__name__}")
        return reader

    def read(self, path: Path) -> "Radiograph":
        """An image; checked to be one."""
        from handbone.core.radiograph import Radiograph

        came = self.build()(path)
        want(
            isinstance(came, Radiograph),
            "a reader must return a handbone.core.radiograph.Radiograph",
            f"returned a {type(came).__name__}",
        )
        return came

    def whole(self) -> Path:
        """The sample.

        Raises
        ------
        NotGivenError: none was given.
        """
        if self.sample is None:
            raise NotGivenError("a reader can only be tested with a file; set sample = Path('tests/sample.ext')")
        path = Path(self.sample)
        want(path.is_file(), "`sample` must be a file", f"{path} is none")
        return path

    def test_extensions_are_those_of_the_sample(self) -> None:
        """The reader is chosen by the file's extension."""
        extensions = self.spec().extensions
        want(bool(extensions), "a reader must name its extensions", "it names none")
        suffix = self.whole().suffix.lower()
        want(suffix in extensions, f"the extensions must hold that of the sample, {suffix!r}", f"they are {extensions}")

    def test_its_files_are_recognised_and_others_are_not(self) -> None:
        """From their first bytes, where the spec says how."""
        recognises = self.spec().recognises
        if recognises is None:
            return
        want(bool(recognises(self.whole().read_bytes()[:_HEAD_BYTES])), "the sample must be recognised", "it is not")
        for case, head in {"an empty file": b"", "random bytes": np.random.default_rng(0).bytes(_HEAD_BYTES)}.items():
            want(not recognises(head), f"{case} must not be recognised", "it is taken for one of this format")

    def test_the_image_is_grey_float32_between_0_and_1(self) -> None:
        """(H, W), bones bright."""
        image = self.read(self.whole()).image
        want(isinstance(image, np.ndarray), "the image must be a numpy array", f"is a {type(image).__name__}")
        want(image.ndim == 2, "the image must have the shape (H, W)", f"got {image.shape}")
        want(image.dtype == np.float32, "the image must be float32", f"got {image.dtype}")
        low, high = float(image.min()), float(image.max())
        inside = bool(np.isfinite(image).all()) and low >= 0 and high <= 1
        want(inside, "values must be finite and lie in [0, 1]", f"they reach from {low:g} to {high:g}")

    def test_spacing_is_two_positive_lengths_if_any(self) -> None:
        """Millimetres from row to row and from column to column, or None."""
        spacing = self.read(self.whole()).spacing_mm
        fits = spacing is None or (len(spacing) == 2 and all(np.isfinite(each) and each > 0 for each in spacing))
        want(fits, "spacing_mm must be None or two positive lengths", f"got {spacing}")

    def test_the_same_file_gives_the_same_image(self) -> None:
        """Also under another name, with spaces and letters of any language; and the file stays as it is."""
        path = self.whole()
        before, first = sha256_of(path), self.read(path)
        with tempfile.TemporaryDirectory() as folder:
            renamed = shutil.copy(path, Path(folder) / f"손 Hände 2{path.suffix}")
            again = self.read(Path(renamed))
        same = np.array_equal(first.image, again.image) and first.inverted == again.inverted
        want(same, "the same file must give the same image under any name", "it differs")
        want(sha256_of(path) == before, "a reader must leave the file as it is", "it was changed")

    def test_a_cut_file_is_refused_by_name(self) -> None:
        """A half-copied image must not be filled up with grey."""
        data = self.whole().read_bytes()
        self._refuses("a file cut to its half", data[: len(data) // 2])

    def test_empty_and_foreign_files_are_refused_by_name(self) -> None:
        """Nothing, and bytes of no meaning."""
        self._refuses("an empty file", b"")
        self._refuses("a file of random bytes", np.random.default_rng(0).bytes(5000))

    def test_a_missing_file_is_refused_by_name(self) -> None:
        """With a sentence instead of a traceback."""
        self._refuses("a missing file", None)

    def _refuses(self, case: str, data: bytes | None) -> None:
        __tracebackhide__ = True
        suffix = self.spec().extensions[0]
        wish = f"{case} must be refused with a HandboneError that names the file"
        with _file(f"broken{suffix}", data) as path:
            try:
                came = self.build()(path)
            except HandboneError as error:
                want(path.name in str(error), wish, f"the error does not name it: {error}")
            except Exception as error:  # whatever came is what the complaint is about
                want(False, wish, f"a {type(error).__name__} came: {error}")
            else:
                want(False, wish, f"it was read as an image of {getattr(came, 'size_hw', '?')}")


@contextmanager
def _file(name: str, data: bytes | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if data is not None:
            path.write_bytes(data)
        yield path
