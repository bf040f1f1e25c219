"""One COCO file, indexed by image: every entry is used or reported."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.formats.json_files import read_json, read_text

KEYS = ("images", "annotations", "categories")
_NAMED = 5  # ids that a message names


class CocoFile:
    """The images, categories and annotations of one file.

    Ids are compared as texts: 1, 1.0 and "1" are one id, as files of different tools mix them.

    Parameters
    ----------
    path: the file. shown: how findings name it.

    Raises
    ------
    HandboneError: the file cannot be read or is no COCO file.
    """

    def __init__(self, path: Path, shown: str):
        content = read_json(path)
        wrong = [k for k in KEYS if not isinstance(content, dict) or not isinstance(content.get(k), list)]
        if wrong:
            what = f"not a COCO file: no list {' or '.join(map(repr, wrong))}"
            raise HandboneError(what, where=path, remedy="name the file by data.annotations")
        self.path, self._shown = path, shown
        self.problems: list[Finding] = []
        self.classes = self._classes(content)
        self.images = list(self._images(content))
        self.annotations: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
        known = {id_of(image["id"]) for image in self.images}
        lost = []
        for annotation in self._entries(content, "annotations"):
            image = id_of(annotation.get("image_id"))
            if image in known:
                self.annotations[image].append(annotation)
            else:
                lost.append(str(annotation.get("image_id"))[:20])
        if lost:
            some = ", ".join(dict.fromkeys(lost[:_NAMED]))
            message = f"{len(lost)} annotations belong to no image of the file (image_id {some})"
            self._note(
                "annotation-of-no-image", message, "add the images, or correct image_id; until then they are not used"
            )

    def class_of(self, annotation: dict[str, Any]) -> str:
        """The name of an annotation's category; "category NUMBER" where the file does not list it."""
        category = annotation.get("category_id")
        return self.classes.get(id_of(category) or "", f"category {category}")

    def of_image(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        """The annotations of an image of the file."""
        return self.annotations.get(id_of(entry["id"]) or "", [])

    def _classes(self, content: dict[str, Any]) -> dict[str, str]:
        """The name of each category by its id; none for an id of several names."""
        names: dict[str, set[str]] = defaultdict(set)
        for category in self._entries(content, "categories"):
            if (number := id_of(category.get("id"))) is not None:
                names[number].add(str(category.get("name")))
        for number, several in names.items():
            if len(several) > 1:
                message = f"the categories {', '.join(map(repr, sorted(several)))} share the id {number}"
                remedy = "give every category an id of its own; until then annotations of this id are not used"
                self._note("repeated-category-id", message, remedy)
        return {number: one for number, (one, *more) in names.items() if not more}

    def _images(self, content: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The images with an id of their own and a file's name."""
        entries = [e for e in self._entries(content, "images") if self._is_image(e)]
        repeated = {i for i, count in Counter(id_of(e["id"]) for e in entries).items() if count > 1}
        for entry in entries:
            if id_of(entry["id"]) not in repeated:
                yield entry
                continue
            message = f"{entry['file_name']!r} shares the id {entry['id']!r} with another image"
            remedy = "give every image an id of its own; until then the annotations of this id are not used"
            self._note("repeated-image-id", message, remedy)

    def _is_image(self, entry: dict[str, Any]) -> bool:
        whole = id_of(entry.get("id")) is not None and isinstance(entry.get("file_name"), str) and entry["file_name"]
        if not whole:
            message = f"an image has no id or no file_name: {str(entry)[:80]}"
            self._note("broken-image-entry", message, "complete it, or remove it")
        return bool(whole)

    def _entries(self, content: dict[str, Any], key: str) -> list[dict[str, Any]]:
        entries = [entry for entry in content[key] if isinstance(entry, dict)]
        if len(entries) < len(content[key]):
            message = f"{len(content[key]) - len(entries)} entries of {key!r} are no objects"
            self._note("broken-entry", message, "export the file again")
        return entries

    def _note(self, rule: str, message: str, remedy: str) -> None:
        self.problems.append(Finding("error", rule, self._shown, message, remedy))


def id_of(value: Any) -> str | None:
    """An id as text; None for what is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else None


def is_coco(path: Path) -> bool:
    """Whether a JSON file is a COCO file; what it holds may be broken."""
    # A COCO file may be large: its keys are looked for as text before anything is parsed.
    try:
        text = read_text(path)
    except HandboneError:
        return False
    return text.lstrip().startswith("{") and all(f'"{key}"' in text for key in KEYS)


def declared_size(entry: dict[str, Any]) -> tuple[int, int] | None:
    """Height and width that an image's entry states; None where it does not, or not in whole numbers of pixels."""
    sides = entry.get("height"), entry.get("width")
    if any(isinstance(side, bool) or not isinstance(side, int | float) or not 0 < side < 1 << 20 for side in sides):
        return None
    height, width = (int(side) for side in sides if side is not None)
    return (height, width) if (height, width) == sides else None
