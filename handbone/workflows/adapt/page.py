"""The page of an adaptation: one HTML file that needs no other, with the radiographs that changed most."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handbone import __version__
from handbone.anatomy import BONES
from handbone.core.files import atomic_file
from handbone.core.frame import Frame
from handbone.formats.image_files import read_image
from handbone.report.overlay import draw_overlay, panel
from handbone.report.templates import template
from handbone.workflows.adapt.changes import Changes, RadiographChange
from handbone.workflows.adapt.judging import Outlined

_SHOWN = 24
_SIDE = 900  # pixels, the longer side of each of a radiograph's two panels
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class _Case:
    """A radiograph on the page; it is read and drawn when the page is written."""

    change: RadiographChange
    path: Path
    pair: Callable[[], tuple[Outlined, Outlined]]

    @property
    def source(self) -> str:
        image = read_image(self.path).image
        scale = _SIDE / max(image.shape)
        view = Frame.letterbox(image.shape, tuple(max(1, round(side * scale)) for side in image.shape))
        columns = [
            (title, draw_overlay(image, side.masks, view=view, fill_alpha=0.06))
            for title, side in zip(("before", "after"), self.pair(), strict=True)
            if side.masks is not None
        ]
        return jpeg_uri(panel(columns, title=self.change.name))


def jpeg_uri(image: np.ndarray) -> str:
    """An image (h, w, 3) uint8, RGB, as a JPEG data URI."""
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert done
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def write_page(
    path: Path,
    changes: Changes,
    paths: Sequence[Path],
    pair: Callable[[int], tuple[Outlined, Outlined]],
    *,
    facts: Mapping[str, Any],
    refused: Sequence[str],
) -> Path:
    """Write the page, whole or not at all.

    Parameters
    ----------
    changes: of all judged radiographs. paths: theirs, in the same order.
    pair: a radiograph's masks before and after, by its number in `paths`.
    facts: label to text, shown at the top.
    refused: why the weights were not written; empty where they were.
    """
    order = sorted(range(len(paths)), key=lambda number: -changes.radiographs[number].changed)
    shown = [n for n in order if changes.radiographs[n].error is None][:_SHOWN]
    cases = [_Case(changes.radiographs[n], paths[n], partial(pair, n)) for n in shown]
    page = template("adapt.html.jinja", {"percent": _percent}, package="handbone.workflows.adapt").stream(
        version=__version__,
        facts=facts,
        refused=refused,
        changes=changes,
        titles={bone.name: bone.title for bone in BONES},
        cases=cases,
        unread=[each for each in changes.radiographs if each.error is not None],
    )
    with atomic_file(path) as temporary:
        # One image of the page at a time in memory.
        page.dump(str(temporary), encoding="utf-8")
    return path


def _percent(share: float) -> str:
    return "–" if share != share else f"{100 * share:.1f} %"
