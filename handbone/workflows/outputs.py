"""From paths that a user gives to images, and to names and places of what is made of them; imports no torch."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.formats.image_files import is_image, stem_of

#: What `handbone predict` leaves.
TABLE_FILE, RECORD_FILE, OVERLAYS = "predictions.csv", "predictions.json", "overlays"


def find_images(paths: Iterable[str | Path]) -> list[Path]:
    """The images that are meant by files and folders (searched with all their subfolders), sorted by base name.

    A file is taken whatever its extension; whether it is an image shows when it is read.

    Raises
    ------
    HandboneError: nothing at a path, no image in a folder, or two images of one base name, by which results are
        joined.
    """
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise HandboneError("no such file or folder", where=path, remedy="check the path")
        images = [p for p in sorted(path.rglob("*")) if is_image(p)] if path.is_dir() else [path]
        if not images:
            remedy = "give another folder, or install the plugin that reads its files (DICOM: handbone-dicom)"
            raise HandboneError("no PNG, JPEG or TIFF file in this folder", where=path, remedy=remedy)
        for image in images:
            other = found.setdefault(image.name, image)
            if other.resolve() != image.resolve():
                what = f"{other} has the same base name, and results are joined by it"
                raise HandboneError(what, where=image, remedy="rename one of them or predict them apart")
    return [found[name] for name in sorted(found)]


def check_output(folder: Path, *, overwrite: bool, record: str = RECORD_FILE, what: str = "predictions") -> None:
    """Refuse an output folder that holds anything, unless it holds earlier results that may go.

    Parameters
    ----------
    record: the file by which such results are known. what: what they are called.

    Raises
    ------
    HandboneError: the folder is not free.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not folder.is_dir() or not (folder / record).is_file():
        raise HandboneError(f"there is something else than {what}", where=folder, remedy="give another folder")
    if not overwrite:
        remedy = "give another folder, or --overwrite to replace them"
        raise HandboneError(f"there are {what} already", where=folder, remedy=remedy)


def overlay_names(images: Iterable[str | Path]) -> dict[str, str]:
    """Base name of each image to its overlay's: `a.png` for `a.tif`, `a.tif.png` where there is an `a.jpg` too."""
    return {name: f"{stem}.png" for name, stem in file_stems(images).items()}


def file_stems(images: Iterable[str | Path]) -> dict[str, str]:
    """Base name of each image to what files made from it are called: without its extension where that is enough."""
    names = [Path(image).name for image in images]
    stems = Counter(map(stem_of, names))
    return {name: stem_of(name) if stems[stem_of(name)] == 1 else name for name in names}
