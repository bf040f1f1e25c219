"""Writes Label Studio's JSON of tasks, with masks as predictions: one brush result per bone."""

import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from handbone import __version__, anatomy
from handbone.formats.label_studio import IMAGE
from handbone.formats.label_studio_brush import encode_brush
from handbone.formats.working_copies import IMAGES, about, write_copy
from handbone.plugins.writing import PredictedImage, SplitWriter

FILE, CONFIG_FILE = "tasks.json", "config.xml"
#: Where Label Studio serves the files of its LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT.
LOCAL_FILES = "/data/local-files/?d="
_BRUSH = "brush"


class LabelStudioWriter(SplitWriter):
    """Writes `tasks.json` to import, `config.xml` (the labelling interface) and `images/` to a folder.

    Parameters
    ----------
    prefix: what comes before `images/NAME` in a task; by default Label Studio's local files.
    """

    def __init__(self, folder: Path, *, prefix: str = LOCAL_FILES):
        self._folder, self._prefix, self._count = folder, prefix, 0
        self._tasks = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115, closed where it is read

    def part(self, image: PredictedImage) -> str:
        """Copy an image; gives its task.

        Raises
        ------
        HandboneError: its radiograph is not at hand.
        """
        copy = write_copy(image, self._folder / IMAGES)
        results = [_result(image, bone) for bone in np.flatnonzero(image.masks.present()).tolist()]
        scores = list(image.confidence.values())
        prediction: dict[str, Any] = {
            "model_version": f"handbone {__version__} {image.model}".strip(),
            "result": results,
        }
        if scores:
            prediction["score"] = min(scores)
        url = f"{self._prefix}{quote(f'{IMAGES}/{copy}')}"
        task = {"data": {IMAGE: url, "handbone": about(image)}, "predictions": [prediction]}
        return json.dumps(task, ensure_ascii=False)

    def add(self, part: str) -> None:
        """Append an image's task."""
        self._tasks.write((",\n" if self._count else "\n") + part)
        self._count += 1

    def close(self) -> None:
        """Put the files together."""
        with open(self._folder / FILE, "w", encoding="utf-8") as file, self._tasks as tasks:
            file.write("[")
            tasks.seek(0)
            for line in tasks:
                file.write(line)
            file.write("\n]\n")
        labels = "\n".join(
            "    <Label value={} background={}/>".format(
                quoteattr(bone.name), quoteattr("#{:02x}{:02x}{:02x}".format(*bone.colour))
            )
            for bone in anatomy.BONES
        )
        config = (
            f'<View>\n  <Image name="{IMAGE}" value="${IMAGE}" zoom="true"/>\n'
            f'  <BrushLabels name="{_BRUSH}" toName="{IMAGE}">\n{labels}\n  </BrushLabels>\n</View>\n'
        )
        (self._folder / CONFIG_FILE).write_text(config, encoding="utf-8")


def _result(image: PredictedImage, bone: int) -> dict[str, Any]:
    (height, width), name = image.masks.size_hw, anatomy.NAMES[bone]
    result = {
        "id": f"{name}",
        "type": "brushlabels",
        "from_name": _BRUSH,
        "to_name": IMAGE,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": encode_brush(image.masks.mask(bone)), "brushlabels": [name]},
    }
    if name in image.confidence:
        result["score"] = image.confidence[name]
    return result
