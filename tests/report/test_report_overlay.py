"""Overlays: what a reader of a radiograph relies on."""

import itertools
import subprocess
import sys

import cv2
import numpy as np
import pytest

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import ShapeError
from handbone.core.frame import Frame
from handbone.report.contours import contours, dashes, svg_path
from handbone.report.labels import SHORT_NAMES, full_name, place_labels
from handbone.report.overlay import draw_overlay, line_width, mix, panel

CAPITATE = anatomy.INDEX["Capitate"]


def hand(size: int = 256, shift: float = 0.0) -> BoneMasks:
    """29 ellipses where the bones of a hand are: five rays, eight overlapping carpals, two forearm bones."""
    planes = np.zeros((anatomy.COUNT, size, size), np.uint8)

    def ellipse(bone: int, x: float, y: float, a: float, b: float, degrees: float = 0.0) -> None:
        centre = round((x + shift) * size), round(y * size)
        cv2.ellipse(planes[bone], centre, (max(1, round(a * size)), max(1, round(b * size))), degrees, 0, 360, 1, -1)

    bone = 0
    for ray, x in enumerate((0.86, 0.68, 0.5, 0.34, 0.2)):
        parts = 3 if ray == 0 else 4
        top = (0.36, 0.12, 0.08, 0.12, 0.22)[ray]
        for part in range(parts):
            y = top + (part + 0.5) * (0.62 - top) / parts
            ellipse(bone, x + (0.5 - x) * 0.4 * part / parts, y, 0.028, 0.46 * (0.62 - top) / parts)
            bone += 1
    for place in range(8):
        ellipse(bone + place, 0.38 + 0.075 * (place % 4), 0.68 + 0.07 * (place // 4), 0.05, 0.045)
    ellipse(anatomy.INDEX["Radius"], 0.56, 0.9, 0.08, 0.1)
    ellipse(anatomy.INDEX["Ulna"], 0.38, 0.92, 0.05, 0.09)
    return BoneMasks.from_dense(planes.astype(bool))


def disc(size: int = 200, radius: int = 60) -> BoneMasks:
    planes = np.zeros((anatomy.COUNT, size, size), np.uint8)
    cv2.circle(planes[CAPITATE], (size // 2, size // 2), radius, 1, -1)
    return BoneMasks.from_dense(planes.astype(bool))


def texture(size: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.3, 0.6, (size, size)).astype(np.float32)


def test_only_the_bone_and_its_outline_are_touched_and_its_texture_stays():
    image = texture(200)
    overlay = draw_overlay(image, disc(), names=False).astype(int)
    plain = np.repeat(np.round(image * 255)[..., None], 3, axis=2)
    distance = np.hypot(*(np.mgrid[:200, :200] - 100))
    assert (overlay[distance > 65] == plain[distance > 65]).all()
    inside = distance < 55
    assert np.corrcoef(overlay[inside].mean(1), plain[inside].mean(1))[0, 1] > 0.98
    assert (overlay[inside] != plain[inside]).any()


def test_the_outline_is_thin_and_in_the_bones_colour():
    overlay = draw_overlay(np.zeros((200, 200), np.float32), disc(), names=False, fill_alpha=0).astype(float)
    colour = np.array(anatomy.BONES[CAPITATE].colour)
    polygon = overlay[100, 30:50]
    assert np.abs(polygon[polygon.sum(1).argmax()] - colour).max() < 40
    assert (polygon.sum(1) > 0.5 * colour.sum()).sum() <= 2


def test_the_outline_grows_with_the_image():
    assert line_width((2048, 2048)) == pytest.approx(4 * line_width((512, 512)), rel=0.4)
    small, large = (
        draw_overlay(np.zeros((s, s), np.float32), disc(s, s // 4), names=False, fill_alpha=0) for s in (700, 1400)
    )
    lit = [(o.max(2) > 60).mean() for o in (small, large)]
    assert lit[1] == pytest.approx(lit[0], rel=0.25)


def test_ground_truth_is_a_white_dashed_line():
    image = np.zeros((400, 400), np.float32)
    overlay = draw_overlay(image, disc(400, 40), ground_truth=disc(400, 150), names=False)
    angles = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
    around = overlay[np.round(200 + 150 * np.sin(angles)).astype(int), np.round(200 + 150 * np.cos(angles)).astype(int)]
    white = around.min(1) > 150
    assert 0.2 < white.mean() < 0.8
    assert (np.diff(white.astype(int)) == 1).sum() > 20


def test_a_view_shows_the_same_bones_turned_and_enlarged():
    view = Frame.around((100, 100), 150, 300, degrees=30, mirrored=True)
    overlay = draw_overlay(np.zeros((200, 200), np.float32), disc(), view=view, names=False, fill_alpha=0)
    assert overlay.shape == (300, 300, 3)
    ys, xs = np.nonzero(overlay.max(2) > 120)
    radius = np.hypot(xs - 149.5, ys - 149.5)
    assert np.median(radius) == pytest.approx(120, abs=2)


@pytest.mark.parametrize("image", [np.zeros((64, 64), np.uint8), np.ones((64, 64), np.float32)])
def test_an_image_without_bones_stays_as_it_is(image):
    nothing = BoneMasks.from_dense(np.zeros((anatomy.COUNT, 64, 64), bool))
    overlay = draw_overlay(image, nothing, ground_truth=nothing)
    assert overlay.shape == (64, 64, 3) and overlay.dtype == np.uint8
    assert (overlay == (0 if image.dtype == np.uint8 else 255)).all()


def test_masks_of_another_size_are_refused_with_both_sizes():
    with pytest.raises(ShapeError, match=r"\(100, 100\).*\(200, 200\)"):
        draw_overlay(np.zeros((100, 100), np.float32), disc())


def test_names_neither_collide_nor_leave_the_image_and_every_bone_has_one():
    size = 900
    labels = place_labels(contours(hand(size)), (size, size), 12.0)
    assert {label.bone for label in labels} == set(range(anatomy.COUNT))
    for a, b in itertools.combinations((label.box for label in labels), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    assert all(x0 >= 0 and y0 >= 0 and x1 <= size and y1 <= size for x0, y0, x1, y1 in (lb.box for lb in labels))


def test_an_image_too_small_for_names_gets_as_many_as_fit():
    labels = place_labels(contours(hand(96)), (96, 96), 12.0)
    assert len(labels) < anatomy.COUNT
    assert draw_overlay(np.zeros((96, 96), np.float32), hand(96)).shape == (96, 96, 3)


def test_names_are_those_of_a_radiology_report():
    assert len(set(SHORT_NAMES)) == anatomy.COUNT
    assert [SHORT_NAMES[anatomy.INDEX[n]] for n in ("finger-1", "finger-3", "finger-9", "finger-11", "Lunate")] == [
        "DP1",
        "MC1",
        "MP3",
        "MC3",
        "Lunate",
    ]
    assert full_name(anatomy.INDEX["finger-11"]) == "MC3  middle metacarpal"


def test_smoothing_keeps_the_area_and_holes_remain():
    plane = np.zeros((anatomy.COUNT, 300, 300), np.uint8)
    cv2.circle(plane[CAPITATE], (150, 150), 100, 1, -1)
    cv2.circle(plane[CAPITATE], (150, 150), 40, 0, -1)
    polygons = contours(BoneMasks.from_dense(plane.astype(bool)))[CAPITATE]
    areas = sorted(cv2.contourArea(polygon.astype(np.float32)) for polygon in polygons)
    # Contours run through pixel centres: half a pixel inside the bone, and inside the bone around a hole too.
    assert areas == [pytest.approx(np.pi * 41**2, rel=0.05), pytest.approx(np.pi * 100**2, rel=0.02)]


def test_dashes_divide_a_polygon_evenly():
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    polygon = 50 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pieces = dashes(polygon, 6, 4)
    lengths = [np.hypot(*np.diff(piece, axis=0).T).sum() for piece in pieces]
    assert len(pieces) == round(2 * np.pi * 50 / 10)
    assert lengths == pytest.approx([2 * np.pi * 50 / len(pieces) * 0.6] * len(pieces), rel=0.01)


def test_an_svg_path_stays_within_its_tolerance():
    polygon = contours(disc())[CAPITATE][0]
    d = svg_path([polygon])
    points = np.array([p.split(",") for p in d.removeprefix("M").removesuffix("Z").split()], float) - 0.5
    assert len(points) < len(polygon) / 4
    distances = [abs(cv2.pointPolygonTest(points.astype(np.float32), p, True)) for p in polygon.tolist()]
    assert max(distances) < 0.5


def test_a_panel_holds_all_columns_and_the_legend():
    overlays = [draw_overlay(texture(200), disc(), names=False)] * 2
    without = panel([("coarse", overlays[0]), ("merged", overlays[1])])
    with_legend = panel(
        [("coarse", overlays[0]), ("merged", overlays[1])], title="a", bones=range(anatomy.COUNT), ground_truth=True
    )
    assert with_legend.shape[1] > without.shape[1] > 400
    with pytest.raises(ShapeError, match="merged"):
        panel([("coarse", overlays[0]), ("merged", overlays[1][:100])])


def test_drawing_needs_neither_torch_nor_matplotlib():
    code = "import sys, handbone.report.overlay, handbone.report.page; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "matplotlib", "numba"} & set(loaded)


def test_a_bone_without_a_name_is_still_kept_free():
    size = 900
    polygons = contours(hand(size))
    ulna = anatomy.INDEX["Ulna"]
    (label,) = place_labels(polygons, (size, size), 12.0, [ulna])
    assert label.bone == ulna
    left, top, right, bottom = label.box
    assert not hand(size).dense()[:, top:bottom, left:right].any()


@pytest.mark.parametrize("thickness", [-1, 2], ids=["area", "line"])
def test_a_colour_is_mixed_in_as_far_as_it_covers(thickness):
    part = np.random.default_rng(1).integers(0, 256, (60, 40, 3), np.uint8)
    cover, colour, alpha = np.zeros((60, 40), np.uint8), (230, 0, 31), 0.35
    cv2.ellipse(cover, (20, 30), (15, 25), 0, 0, 360, 255, thickness, cv2.LINE_AA)
    weight = cover[..., None] / 255 * alpha
    wanted = part * (1 - weight) + np.array(colour) * weight
    mix(part, cover, colour, alpha)
    assert np.abs(part - wanted).max() <= 0.51
