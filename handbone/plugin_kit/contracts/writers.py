"""Contract of writers."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from handbone.anatomy import COUNT, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.plugin_kit.contracts.contract import Contract, NotGivenError, want
from handbone.plugin_kit.contracts.toys import toy_masks, write_toy_image
from handbone.plugins.writing import PredictedImage


class WriterContract(Contract):
    """A writer writes masks to its folder, one image after the other.

    Parameters
    ----------
    sample: a file that masks can belong to, for formats that need their source; by default a small PNG.
    """

    kind = "writer"
    sample: ClassVar[str | Path | None] = None

    def written(self, masks: Mapping[int, BoneMasks]) -> dict[str, bytes]:
        """The files, relative path to bytes, that the writer makes of images that are numbered and have these masks.

        Raises
        ------
        NotGivenError: the writer refuses a PNG, and no sample was given.
        """
        spec, settings = self._registered()
        with tempfile.TemporaryDirectory() as base:
            folder, sources = Path(base) / "out", Path(base) / "in"
            folder.mkdir()
            sources.mkdir()
            writer = spec.build(settings, folder=folder)
            for word in ("write", "close"):
                want(callable(getattr(writer, word, None)), f"a writer must have the method {word}", "has none")
            try:
                for number, each in masks.items():
                    writer.write(self._image(sources, number, each))
                writer.close()
            except HandboneError as error:
                if self.sample is None:
                    raise NotGivenError(f"it rejects a PNG ({error}); set sample = Path('tests/sample.ext')") from None
                raise
            beside = sorted(path.name for path in Path(base).iterdir() if path not in (folder, sources))
            want(not beside, "a writer must stay in its folder", f"it also wrote {', '.join(beside)}")
            return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    def _image(self, folder: Path, number: int, masks: BoneMasks) -> PredictedImage:
        if self.sample is None:
            path = write_toy_image(folder / f"hand {number}.png")
        else:
            path = folder / f"hand {number}{Path(self.sample).suffix}"
            path.write_bytes(Path(self.sample).read_bytes())
            masks = _at_size_of(path, masks)
        return PredictedImage(path.name, path, masks, {NAMES[0]: 0.9})

    def test_every_image_leaves_something(self) -> None:
        """One file for all, or one each; two images are not one."""
        one, two = toy_masks(0), toy_masks(1)
        first, second, both = (self.written(each) for each in ({0: one}, {1: two}, {0: one, 1: two}))
        left = bool(first) and all(first.values())
        want(left, "a written image must leave files that are not empty", f"it left {list(first)}")
        wish = "two images must be written beside each other"
        want(both != first and both != second, wish, "the masks of one of them are missing")

    def test_images_without_some_or_all_bones_can_be_written(self) -> None:
        """Empty masks are results too."""
        self.written({0: toy_masks(absent=(0, 20)), 1: toy_masks(absent=tuple(range(COUNT)))})

    def test_the_same_masks_give_the_same_files(self) -> None:
        """By name: formats may hold times and numbers of their own."""
        names = [sorted(self.written({0: toy_masks(0)})) for _ in range(2)]
        want(
            names[0] == names[1],
            "the same image must be written to the same files",
            f"got {names[0]} and {names[1]}",
        )


def _at_size_of(path: Path, masks: BoneMasks) -> BoneMasks:
    """The masks as if drawn in a file's image: cut or extended at the right and the bottom."""

    from handbone.formats.image_files import size_of

    size = size_of(path)
    dense = np.zeros((COUNT, *size), bool)
    source = masks.dense()[:, : size[0], : size[1]]
    dense[:, : source.shape[1], : source.shape[2]] = source
    return BoneMasks.from_dense(dense)
