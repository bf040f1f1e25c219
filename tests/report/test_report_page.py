"""The HTML report: self-contained, safe with any name, and right in what it says."""

import re
from collections import Counter
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.evaluation.headlines import headlines
from handbone.report.cases import draw_case
from handbone.report.page import write_report
from handbone.report.page_metrics import PageMetrics

EVIL = 'x"><script>alert(1)</script> & <b>.png'
_VOID = {"meta", "link", "br", "img", "input"}


class Reader(HTMLParser):
    """Collects elements and text; fails on tags that are not closed in order."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "script" not in self.open:
            self.text += data


def metrics(images=("a.png", "b.png", "c.png"), stages=("coarse", "merged")) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    rows = []
    for number, image in enumerate(images):
        for bone in anatomy.BONES:
            start = draw.uniform(0.8, 0.9) - 0.1 * (number == 1)
            for place, stage in enumerate(stages):
                dice = start + 0.05 * place * (bone.index in anatomy.CARPALS)
                pose = "bent" if number == 1 else "straight"
                rows.append((image, bone.name, stage, dice, dice - 0.1, 4.0, pose))
    return pd.DataFrame(rows, columns=["image_name", "bone", "stage", "dice", "nsd_2px", "hd95_px", "pose"])


def masks(size: int, radius: float) -> BoneMasks:
    planes = np.zeros((anatomy.COUNT, size, size), np.uint8)
    for bone in range(anatomy.COUNT):
        centre = round((0.1 + 0.16 * (bone % 6)) * size), round((0.12 + 0.18 * (bone // 6)) * size)
        cv2.circle(planes[bone], centre, round(radius * size), 1, -1)
    return BoneMasks.from_dense(planes.astype(bool))


def case(name: str, *, ground_truth: bool = True, size: int = 200):
    image = np.random.default_rng(1).uniform(0, 1, (size, size)).astype(np.float32)
    roi = Frame.around((0.5 * size, 0.6 * size), 0.5 * size, 128, degrees=20, mirrored=True)
    stages = [("coarse", masks(size, 0.05)), ("merged", masks(size, 0.06))]
    return draw_case(name, image, stages, ground_truth=masks(size, 0.06) if ground_truth else None, roi=roi, size=size)


@pytest.fixture(scope="module")
def full_page(tmp_path_factory) -> str:
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5], "val_dice": [0.2, 0.7]})
    path = write_report(
        tmp_path_factory.mktemp("report") / "report.html",
        title=f"run {EVIL}",
        rows=metrics(("a.png", EVIL, "c.png")),
        cases=[case("a.png"), case(EVIL), case("unscored.png")],
        histories={"coarse": history, EVIL: history},
        frames=[
            {"image_name": "a.png", "fallback": "none", "reason": "", "mirrored": True},
            {"image_name": EVIL, "fallback": "wider", "reason": f"no Capitate {EVIL}", "mirrored": False},
        ],
        decisions=[
            {"image_name": "a.png", "bone": "Lunate", "used": True, "reason": "", "agreement": 0.9},
            {"image_name": EVIL, "bone": "Lunate", "used": False, "reason": f"agreement 0.3 {EVIL}", "agreement": 0.3},
        ],
        failures=[(EVIL, f"cut short {EVIL}")],
        notes=[f"These are synthetic hands {EVIL}"],
        facts={"Run": f"17 min {EVIL}"},
        recipe=f'name = "two_stage" # {EVIL}',
        environment={"torch": "2.13", EVIL: EVIL},
    )
    return path.read_text("utf-8")


def test_every_tag_closes_and_ids_are_unique_and_found(full_page):
    reader = Reader(full_page)
    ids = Counter(a["id"] for _, a in reader.elements if "id" in a)
    assert not [name for name, count in ids.items() if count > 1]
    targets = {a["href"][1:] for _, a in reader.elements if a.get("href", "").startswith("#")}
    targets |= set(re.findall(r"url\(#([^)]+)\)", full_page))
    assert targets <= set(ids)


def test_names_from_outside_are_escaped_everywhere(full_page):
    assert "<script>alert" not in full_page
    assert full_page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 10
    reader = Reader(full_page)
    assert sum(tag == "script" for tag, _ in reader.elements) == 1
    assert EVIL in reader.text


def test_it_asks_nothing_of_a_network(full_page):
    assert "://" not in full_page
    assert "default-src 'none'" in full_page
    for tag, attributes in Reader(full_page).elements:
        for key in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert attributes.get(key, "#").startswith(("#", "data:image/jpeg;base64,")), (tag, key)
    assert "@import" not in full_page
    assert not re.search(r"url\((?!#)", full_page)


def test_the_result_stands_first_in_words(full_page):
    rows = metrics()
    carpals = rows[rows["bone"].isin(anatomy.GROUPS["carpals"])]
    text = Reader(full_page).text
    for part in (rows, carpals):
        for stage in ("coarse", "merged"):
            assert f"{part[part['stage'] == stage]['dice'].mean():.3f}" in text.split("worst first")[0]
    assert "On 3 images" in text
    assert "8 bones gain" in text
    assert "not a medical device" in text


def test_the_worst_image_comes_first_and_those_without_metrics_last(full_page):
    places = [full_page.index(f"<h3>{name}") for name in ("x&#34;", "a.png", "unscored.png")]
    assert places == sorted(places)


def test_images_are_embedded_once_and_small(full_page, tmp_path):
    assert full_page.count("data:image/jpeg") == 3 * 2
    noise = np.random.default_rng(0).normal(0.5, 0.02, (2048, 2048)).astype(np.float32)
    ground_truth = masks(2048, 0.07)
    many = [
        draw_case(
            f"{i}.png", noise, [("coarse", ground_truth), ("merged", ground_truth)], ground_truth=ground_truth, size=900
        )
        for i in range(2)
    ]
    path = write_report(tmp_path / "report.html", title="t", cases=many)
    assert path.stat().st_size < 2 / 16 * 10e6


def test_a_run_without_labels_shows_contours_and_claims_nothing(tmp_path):
    page = write_report(tmp_path / "r.html", title="own images", cases=[case("a.png", ground_truth=False)]).read_text()
    reader = Reader(page)
    assert "no metrics" in reader.text
    assert "Dice 0" not in page
    assert sum(a.get("class") == "panel" for _, a in reader.elements) == 4


def test_a_coarse_run_has_one_column_of_metrics(tmp_path):
    rows = metrics(stages=("coarse",))
    text = Reader(write_report(tmp_path / "r.html", title="coarse only", rows=rows).read_text()).text
    assert "the coarse masks reach a mean Dice of" in text
    assert "change" not in text


def test_intervals_stand_beside_the_means_where_patients_are_known(tmp_path):
    rows = metrics(("a.png", "b.png", "c.png", "d.png"))
    plain = write_report(tmp_path / "plain.html", title="t", rows=rows).read_text("utf-8")
    assert "By pose" in plain and "percentile bootstrap" not in plain
    rows["patient_id"] = rows["image_name"].str[0]
    page = write_report(tmp_path / "r.html", title="t", rows=rows).read_text("utf-8")
    text = Reader(page).text
    assert "percentile bootstrap" in text and "NSD 2 px" in text and "HD95 px" in text
    carpals = rows[rows["bone"].isin(anatomy.GROUPS["carpals"]) & (rows["stage"] == "merged")]
    straight = carpals[carpals["pose"] == "straight"]["dice"].mean()
    assert f"{straight:.3f}" in text.split("percentile bootstrap")[1]
    assert "+0.050" in text and 'class="up">+0.050' in page
    # One bent hand: a metric, and no interval.
    assert "nan" not in text
    rows["patient_id"] = "a"
    text = Reader(write_report(tmp_path / "one.html", title="t", rows=rows).read_text("utf-8")).text
    assert "none here: images of 1 patient" in text


def test_a_missing_mask_does_not_break_the_page(tmp_path):
    rows = metrics()
    rows.loc[rows["bone"] == "Pisiform", ["dice", "nsd_2px"]] = np.nan
    text = Reader(write_report(tmp_path / "r.html", title="gaps", rows=rows).read_text()).text
    assert "nan" not in text


def test_group_means_are_means_over_images_then_bones():
    rows = metrics()
    rows = rows.drop(rows[(rows["bone"] == "Ulna") & (rows["image_name"] != "a.png")].index)
    merged = rows[rows["stage"] == "merged"]
    per_bone = [merged[merged["bone"] == bone]["dice"].mean() for bone in anatomy.NAMES]
    assert PageMetrics(rows).groups.loc["all", "merged"] == pytest.approx(np.mean(per_bone))


def test_losses_are_told_as_plainly_as_gains():
    rows = metrics()
    rows.loc[(rows["stage"] == "merged") & (rows["bone"] == "Lunate"), "dice"] -= 0.2
    words = " ".join(PageMetrics(rows).words())
    assert "7 bones gain" in words
    assert "1 bone loses, Lunate (-0.150)" in words


def test_extra_metrics_stand_with_intervals_and_are_coloured_by_which_way_is_up(tmp_path):
    rows = metrics().assign(pose="straight")
    rows["patient_id"] = rows["image_name"]
    rows["kept"] = np.where(rows["stage"] == "coarse", 0.5, 0.75)
    rows["lost"] = np.where(rows["stage"] == "coarse", 0.5, 0.75)
    gain = headlines(rows)[0].change["kept"]
    shown = PageMetrics(rows, lower_is_better=["lost"])
    assert (shown.direction("kept", gain), shown.direction("lost", gain)) == ("up", "down")
    assert shown.direction("hd95_px", gain) == "down"
    page = write_report(tmp_path / "report.html", title="x", rows=rows, lower_is_better=["lost"]).read_text("utf-8")
    assert re.search(r"<th[^>]*>kept</th>", page) and re.search(r'class="down">\+0\.250', page)
