"""Files in a data set that look like labels but are not read: named, with what to do, so that none is passed over."""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.findings import Finding, Severity
from handbone.core.samples import relative_to
from handbone.formats import readers
from handbone.formats.coco_file import KEYS
from handbone.formats.json_files import read_text

_COCO = "convert it to one COCO file beside the images"
_LAYOUT = "set data.layout = '{}' (--layout {}), or move the other labels elsewhere"
# What a kind of JSON file has in its text, what it is called, and how its labels come into a data set.
_JSON_KINDS = (
    (tuple(f'"{key}"' for key in KEYS), "COCO labels", "mend it, or name it by data.annotations"),
    (('"shapes"', '"imagePath"'), "labelme labels", _LAYOUT.format("labelme", "labelme")),
    (('"shape_attributes"',), "VIA labels", "in VIA choose Export Annotations (COCO format)"),
    (('"from_name"', '"to_name"'), "Label Studio labels", _LAYOUT.format(*["label_studio"] * 2)),
    (('"classTitle"',), "Supervisely labels", "export them as COCO"),
    (('"annotations"', '"poly_seg"'), "labels in the contest format", "arrange the folder as its layout wants it"),
    (('"segmentation"', '"bbox"'), "labels in a COCO tool's result format", _COCO),
)
# Words by which files of further tools are known to hold contours: keys of JSON and YAML, and columns of tables.
_WORDS = "annotations annotation segmentation segmentations polygon polygons points vertices contour contours"
_WORDS += " coordinates regions rle mask masks maskpath encodedpixels"
_KEY = re.compile(r'(?:^[ \t-]*|")(?:{})"?\s*:'.format(_WORDS.replace(" ", "|")), re.IGNORECASE | re.MULTILINE)
_UNKNOWN = "labels of a tool that handbone does not know"
_OURS = '"schema": "handbone.'
_XML_KINDS = (
    (b"<annotations", "CVAT labels", _LAYOUT.format("cvat", "cvat")),
    (b"<annotation", "Pascal VOC labels", "boxes are no contours: export polygons as COCO"),
    (b"<Annotation", _UNKNOWN, _COCO),
)
_VOLUME = "name it NAME.seg.nrrd or NAME/BONE.nii.gz, and set data.layout = 'seg_nrrd' or 'nifti'"
_VOLUMES = (".nrrd", ".nii", ".nii.gz", ".mha", ".mhd")
_PACKED = (".json.gz", ".json.zip", ".xml.gz", ".csv.gz", ".csv.zip", ".tsv.gz")
_ARRAYS: tuple[str, ...] = (
    ".mat",
    ".npy",
    ".npz",
    ".h5",
    ".hdf5",
    ".parquet",
    ".qpdata",
    ".roi",
    ".feather",
    ".arrow",
    ".mdb",
)
_ARRAYS += (".tfrecord", ".tfrecords", ".pkl", ".pickle", ".joblib", ".sqlite", ".sqlite3")
_ARCHIVE = re.compile(r".*(label|annot|coco|roi|instances|mask).*\.(zip|7z|rar|tar|tgz|gz)")
# A number has one way to match: with several, a line of whole numbers would take for ever.
_YOLO = re.compile(rb"\s*\S+(\s+-?(\d+(\.\d+)?|\.\d+)(e-?\d+)?){4,}\s*", re.IGNORECASE)
_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
_NAMED = re.compile(r".*(label|annot|coco|contour|polygon|rle|mask|segment|predict).*")
_SAVE_CSV = "save it as CSV and use the layout 'csv' with data.annotations, or export COCO"
_NOTHING = ("", "[]", "{}", "null")
_TEXTS = re.compile("<t[^>]*>([^<]*)</t>")
_BLANKS = b"\xef\xbb\xbf \t\r\n"
_HEAD = 4096


def strangers(root: Path, read: Iterable[Path], images: Iterable[Path], severity: Severity) -> list[Finding]:
    """A finding for every file below a folder that holds labels, or is a damaged JSON file, and is not read.

    Parameters
    ----------
    read: the label files that are. images: the data set's images.
    """
    read, stems = set(read), {(p.parent.name, p.stem) for p in images} | {("", p.stem) for p in images}
    found = []
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if path in read or hidden or not path.is_file():
            continue
        for message, remedy in _kinds(path, stems):
            found.append(Finding(severity, "unread-labels", relative_to(path, root), message, remedy))
    return found


def _kinds(path: Path, stems: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """What a file's labels are, and what to do about them; nothing for other files."""
    name = path.name.lower()
    if name.endswith((".json", ".jsonl", ".geojson", ".ndjson")):
        yield from _json(path)
    elif name.endswith(".xml"):
        head = _head(path)
        for mark, what, remedy in _XML_KINDS:
            if mark in head:
                yield f"holds {what}, which are not read", remedy
                return
    elif name.endswith((".csv", ".tsv")):
        first = _head(path).decode("utf-8", "replace").splitlines()[:1]
        if _columns(cell for line in first for cell in re.split("[,;\t]", line)):
            yield (
                "holds masks or contours, which this layout does not read",
                "use the layout 'csv' with data.annotations, or export COCO",
            )
    elif name.endswith(".txt"):
        if ("", path.stem) in stems and _YOLO.fullmatch(_head(path).split(b"\n")[0]):
            yield "holds YOLO labels, which are not read", "export the polygons as COCO"
        elif _is_json(path):
            yield from _json(path)
    elif name.endswith((".yaml", ".yml")):
        if _has_key(path):
            yield f"holds {_UNKNOWN}, which are not read", _COCO
    elif name.endswith(_VOLUMES):
        yield "may hold labels as a volume, which is not read", _VOLUME
    elif name.endswith(_PACKED) or _ARCHIVE.fullmatch(name):
        yield "may hold labels, packed, which are not read", "unpack it"
    elif name.endswith(_ARRAYS):
        yield "may hold labels as values of a program, which are not read", _COCO
    elif name.endswith(_WORKBOOKS):
        if _columns(_header_of(path)) or _NAMED.fullmatch(path.stem.lower()):
            yield "may hold masks or contours as a workbook, which is not read", _SAVE_CSV
    elif name.endswith(".svg"):
        # A drawing over one of the images; another one is none of the data set's.
        if ("", path.stem) in stems or b"<image" in _head(path):
            yield "may hold contours as a drawing, which are not read", _COCO
    elif path.suffix.lower() not in readers.extensions() and _is_json(path):
        yield from _json(path)


def _columns(cells: Iterable[str]) -> bool:
    """Whether the header of a table has a column of masks or contours."""
    columns = {cell.strip(' "').lower() for cell in cells}
    return bool(columns & set(_WORDS.split())) or any("shape_attributes" in c or "labeled data" in c for c in columns)


def _header_of(path: Path) -> list[str]:
    """The first texts in a workbook (.xlsx), which are its header; none of another or of a damaged one."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in set(archive.namelist()) & {"xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"}:
                with archive.open(name) as file:
                    if texts := _TEXTS.findall(file.read(_HEAD).decode("utf-8", "replace")):
                        return texts
    except Exception:  # whatever is wrong with it
        pass
    return []


def _json(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = read_text(path)
    except HandboneError as error:
        yield error.what, error.remedy or "export it again"
        return
    kind = next(((what, remedy) for marks, what, remedy in _JSON_KINDS if all(mark in text for mark in marks)), None)
    if kind is None and _KEY.search(text) and _OURS not in text:
        kind = _UNKNOWN, _COCO
    if text.strip() in _NOTHING and _NAMED.fullmatch(path.stem.lower()):
        yield "is named like labels and holds none", "export them again"
        return
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        if path.suffix.lower() not in (".jsonl", ".ndjson"):  # of which each line is a value
            what = str(error)[:80] or "nested too deeply"
            yield f"not valid JSON ({what}): labels in it are not read", "export it again; it may have been cut"
            return
    if kind:
        yield f"holds {kind[0]}, which are not read", kind[1]


def _is_json(path: Path) -> bool:
    """Whether a file of another name looks like a JSON file of labels."""
    return _head(path).lstrip(_BLANKS).startswith((b"{", b"[")) and _has_key(path)


def _has_key(path: Path) -> bool:
    return bool(_KEY.search(_head(path).decode("utf-8", "replace")))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""
