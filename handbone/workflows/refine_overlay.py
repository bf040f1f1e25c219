"""Bones before and after refinement, in one image."""

from pathlib import Path

import numpy as np

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.files import atomic_file
from handbone.core.frame import Frame
from handbone.formats.own_png import encode_png
from handbone.method.two_stage import MethodResult
from handbone.report.overlay import draw_overlay, panel

_OVERLAY_PX = 900
# Of the refiner's ROI, so that what lies around it shows too.
_CONTEXT = 1.15


def draw_refined(
    path: Path, *, name: str, image: np.ndarray, outcome: MethodResult, before: BoneMasks, after: BoneMasks
) -> None:
    """Before and after, side by side, in the first ROI's surroundings."""
    frame = next(iter(outcome.frames.values()))
    view = _surroundings(frame.frame)
    bones = [NAMES.index(decision.bone) for decision in outcome.decisions]
    used = len({decision.bone for decision in [*outcome.decisions, *outcome.prompt_decisions] if decision.used})
    columns = [
        (caption, draw_overlay(image, masks, view=view, bones=bones, fill_alpha=0.0, names=False))
        for caption, masks in (("before", before), ("after", after))
    ]
    title = f"{name}: {used} of {len(outcome.decisions)} bones refined"
    if frame.reason:
        title += f"; {frame.fallback} ROI, {frame.reason}"
    sheet = panel(columns, title=title, bones=bones)
    with atomic_file(path) as temporary:
        temporary.write_bytes(encode_png(sheet, compression=2))


def _surroundings(frame: Frame) -> Frame:
    rows, columns = frame.size_hw
    scale = _OVERLAY_PX / (_CONTEXT * max(rows, columns))
    shift = (_OVERLAY_PX - 1) / 2 - scale * np.array([columns - 1, rows - 1]) / 2
    return frame.then(np.column_stack([scale * np.eye(2), shift]), (_OVERLAY_PX, _OVERLAY_PX))
