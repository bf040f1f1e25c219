"""Every number on the page is that of the metrics table, worked out anew; contours are those of the masks."""

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.report.cases import bone_paths, colour_of, draw_case, fit_view
from handbone.report.labels import SHORT_NAMES
from handbone.report.page import write_report

IMAGES = [f"{number}.png" for number in range(4)]
LUNATE, RADIUS = anatomy.INDEX["Lunate"], anatomy.INDEX["Radius"]


class Tables(HTMLParser):
    """The texts of all cells of all tables, row by row; of tiles and of what stands beside them."""

    def __init__(self, page):
        super().__init__()
        self.page, self.tables, self.tiles, self.widths, self.cell = page, [], [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        facts = dict(attributes)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th", "dt", "dd"):
            self.cell = []
        elif tag == "s" and self.tables and self.cell is not None:
            self.widths.append((self.tables[-1][-1][0], facts.get("class", ""), facts["style"]))

    def handle_endtag(self, tag):
        if tag in ("td", "th", "dt", "dd") and self.cell is not None:
            text = " ".join("".join(self.cell).split())
            (self.tables[-1][-1] if tag in ("td", "th") else self.tiles).append(text)
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell.append(data)


@pytest.fixture(scope="module")
def rows():
    """Random metrics; one bone was never labelled in one image, another one never at all."""
    draw = np.random.default_rng(5)
    lines = []
    for image in IMAGES:
        for bone in anatomy.NAMES:
            for stage in ("coarse", "merged"):
                dice, nsd, hd95 = draw.uniform(0.55, 0.99), draw.uniform(0.3, 1), draw.uniform(0.5, 30)
                gone = bone == "Pisiform" or (bone == "Ulna" and image == "2.png")
                values = (np.nan,) * 3 if gone else (dice, nsd, hd95)
                lines.append((image, bone, stage, *values))
    return pd.DataFrame(lines, columns=["image_name", "bone", "stage", "dice", "nsd_2px", "hd95_px"])


def mean_of(rows, bone, stage, column="dice"):
    """The plain mean over the images that have a value."""
    values = [getattr(r, column) for r in rows.itertuples() if r.bone == bone and r.stage == stage]
    return float(np.nanmean(values)) if not np.isnan(values).all() else np.nan


def group_mean(rows, group, stage, column="dice"):
    return float(np.nanmean([mean_of(rows, bone, stage, column) for bone in anatomy.GROUPS[group]]))


@pytest.fixture(scope="module")
def page(rows, tmp_path_factory):
    path = write_report(tmp_path_factory.mktemp("page") / "r.html", title="x", rows=rows, failures=[("y.png", "torn")])
    return Tables(path.read_text("utf-8"))


def signed(value):
    return "0" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_a_bone_s_line_holds_its_means_and_their_difference(rows, page):
    found = {line[0]: line for line in page.tables[0][1:]}
    assert page.tables[0][0] == ["Bone", "coarse", "merged", "change", "Dice", "NSD", "HD95 px"]
    for index, bone in enumerate(anatomy.NAMES):
        name = SHORT_NAMES[index] if SHORT_NAMES[index] == bone else f"{SHORT_NAMES[index]} {bone}"
        first, last = (mean_of(rows, bone, stage) for stage in ("coarse", "merged"))
        nsd, hd95 = (mean_of(rows, bone, "merged", column) for column in ("nsd_2px", "hd95_px"))
        if bone == "Pisiform":
            assert found[name][1:4] + found[name][5:] == ["–"] * 5
            continue
        assert found[name][1:4] == [f"{first:.3f}", f"{last:.3f}", signed(last - first)], bone
        assert found[name][5:] == [f"{nsd:.3f}", f"{hd95:.1f}"], bone


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("group", ["all", "carpals", "metacarpals", "phalanges", "forearm"])
def test_a_group_s_line_is_the_mean_of_its_bones_means(rows, page, group):
    (line,) = [each for each in page.tables[0] if each[0] == ("All bones" if group == "all" else group.capitalize())]
    first, last = (group_mean(rows, group, stage) for stage in ("coarse", "merged"))
    assert line[1:4] == [f"{first:.3f}", f"{last:.3f}", signed(last - first)]
    assert line[5] == f"{group_mean(rows, group, 'merged', 'nsd_2px'):.3f}"


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_tiles_say_the_same_as_the_table(rows, page):
    last, first = (group_mean(rows, "all", stage) for stage in ("merged", "coarse"))
    tiles = dict(zip(page.tiles[::3], zip(page.tiles[1::3], page.tiles[2::3], strict=True), strict=True))
    assert tiles["Dice, all bones"] == (f"{last:.3f}", f"coarse {first:.3f}, {signed(last - first)}")
    assert tiles["Dice, carpals"][0] == f"{group_mean(rows, 'carpals', 'merged'):.3f}"
    assert tiles["NSD"] == (f"{group_mean(rows, 'all', 'merged', 'nsd_2px'):.3f}", "outline within 2 px")
    assert tiles["HD95"][0] == f"{group_mean(rows, 'all', 'merged', 'hd95_px'):.1f} px"
    assert tiles["Images"] == ("4", "1 skipped")


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_bars_are_as_long_as_the_means_over_their_floor(rows, page):
    floor = float(re.search(r"bars start at (\d\.\d)", page.page).group(1))
    parts = {}
    for name, kind, style in page.widths:
        parts.setdefault(name, {})[kind] = float(re.search(r"width:([\d.]+)%", style).group(1))
    for bone in ("Radius", "Lunate", "Capitate"):
        first, last = (mean_of(rows, bone, stage) for stage in ("coarse", "merged"))
        bar = parts[bone]
        assert bar[""] == pytest.approx(100 * (min(first, last) - floor) / (1 - floor), abs=0.06)
        changed = bar.get("gain" if last > first else "loss")
        assert changed == pytest.approx(100 * abs(last - first) / (1 - floor), abs=0.06)
    assert not any(name.startswith("Pisiform") for name in parts), "no bar for a bone without a mean"


def decisions(*given):
    return [
        {"image_name": "a.png", "bone": bone, "used": used, "reason": reason, "agreement": agreement}
        for bone, used, reason, agreement in given
    ]


def test_decisions_of_the_gate_are_counted_by_bone_and_by_reason(tmp_path):
    given = decisions(
        ("Radius", True, "", 0.9),
        ("Lunate", True, "", 0.9),
        ("Lunate", False, "agreement 0.31 is below 0.5", 0.31),
        ("Lunate", False, "agreement 0.12 is below 0.5", 0.12),
        ("Capitate", False, "", None),
    )
    page = Tables(write_report(tmp_path / "r.html", title="x", decisions=given).read_text("utf-8"))
    bones, refused = page.tables
    assert [line[:2] for line in bones[1:]] == [["Capitate", "0 of 1"], ["Lunate", "1 of 3"], ["Radius", "1 of 1"]]
    assert [line[1:] for line in refused[1:]] == [
        ["Capitate", "–", ""],
        ["Lunate", "0.12", "agreement 0.12 is below 0.5"],
        ["Lunate", "0.31", "agreement 0.31 is below 0.5"],
    ]
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "2 × agreement is below" in text and "1 × no reason given" in text and "2 of 5 times" in text


def test_regions_that_fell_back_are_told_with_their_reasons(tmp_path):
    frames = [
        {"image_name": name, "fallback": fallback, "reason": reason, "mirrored": mirrored}
        for name, fallback, reason, mirrored in (
            ("a.png", "none", "", True),
            ("b.png", "wider", "no Capitate", True),
            ("c.png", "whole", "no bone", False),
        )
    ]
    text = write_report(tmp_path / "r.html", title="x", frames=frames).read_text("utf-8")
    assert "1 of 3 ROIs were placed as planned (2 mirrored); 1 widened; 1 with the whole image instead." in text
    assert [line[0] for line in Tables(text).tables[0][1:]] == ["b.png", "c.png"]


def two_bones(size=240):
    """A large ellipse with a hole and a small disc on it."""
    planes = np.zeros((anatomy.COUNT, size, size), np.uint8)
    cv2.ellipse(planes[RADIUS], (120, 120), (80, 55), 20, 0, 360, 1, -1)
    cv2.circle(planes[RADIUS], (95, 115), 14, 0, -1)
    cv2.circle(planes[LUNATE], (150, 120), 16, 1, -1)
    return BoneMasks.from_dense(planes.astype(bool))


def filled(d, size_hw):
    """What an SVG path of these commands fills, by OpenCV."""
    shown = np.zeros(size_hw, np.uint8)
    polygons = [
        np.array([point.split(",") for point in part.rstrip("Z").split()], float) - 0.5 for part in d.split("M") if part
    ]
    cv2.fillPoly(shown, [np.rint(polygon * 16).astype(np.int32) for polygon in polygons], 1, cv2.LINE_8, 4)
    return shown > 0


@pytest.mark.parametrize("degrees", [0.0, 25.0])
@pytest.mark.parametrize("size", [240, 480])
def test_paths_fill_what_the_masks_show_in_the_view(degrees, size):
    masks = two_bones()
    view = Frame.around((120.0, 120.0), 240.0, size, degrees=degrees)
    paths = bone_paths(masks, view)
    assert [bone for bone, _ in paths] == [RADIUS, LUNATE], "the small one last, on top"
    for bone, d in paths:
        shown = view.warp(masks.mask(bone).astype(np.float32)) > 0.5
        found = filled(d, view.size_hw)
        assert 2 * (shown & found).sum() / (shown.sum() + found.sum()) > 0.96
    assert dict(paths)[RADIUS].count("M") == 2, "the hole is a contour of its own"


def test_bones_outside_of_a_view_have_no_path():
    masks = two_bones()
    assert [bone for bone, _ in bone_paths(masks, Frame.around((60.0, 120.0), 60.0, 100))] == [RADIUS]
    assert bone_paths(masks, Frame.around((20.0, 20.0), 20.0, 50)) == ()


def test_a_case_shows_the_radiograph_at_its_size_and_the_wrist_around_the_carpals():
    image = np.tile(np.linspace(0, 1, 240, dtype=np.float32), (240, 1))
    case = draw_case("a.png", image, [("coarse", two_bones())], size=120, caption="why")
    whole, wrist = case.shots
    assert (whole.size_hw, wrist.size_hw) == ((120, 120), (96, 96)) and case.caption == "why"
    data = base64.b64decode(whole.image_uri.partition(",")[2])
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown.shape == (120, 120)
    assert np.abs(shown.mean(0) - np.linspace(0, 255, 120)).max() < 4, "the image itself"
    # One carpal, 33 pixels wide: the wrist's view is 1.35 times as wide, with the carpal in its middle. Its contour
    # runs through the middles of its outermost pixels.
    (carpal,) = [d for bone, d in wrist.layers[0].paths if bone == LUNATE]
    rows, columns = np.nonzero(filled(carpal, wrist.size_hw))
    assert (rows.mean(), columns.mean()) == pytest.approx((47.5, 47.5), abs=1.5)
    assert np.ptp(columns) == pytest.approx(96 / 1.35 * 32 / 33, abs=4)
    assert {label.bone for label in whole.labels} <= {RADIUS} and {label.bone for label in wrist.labels} >= {LUNATE}


@settings(max_examples=40)
@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(50, 900))
def test_a_view_of_the_whole_image_is_no_larger_than_asked_and_keeps_its_shape(height, width, size):
    view = fit_view((height, width), size)
    assert max(view.size_hw) <= max(size, 1) and min(view.size_hw) >= 1
    scale = min(1.0, size / max(height, width))
    assert view.size_hw == pytest.approx((height * scale, width * scale), abs=1)


def test_colours_are_those_of_the_anatomy():
    assert [colour_of(bone.index) for bone in anatomy.BONES] == [
        "#" + "".join(f"{part:02x}" for part in bone.colour) for bone in anatomy.BONES
    ]
