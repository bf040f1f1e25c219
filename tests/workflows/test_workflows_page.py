"""The page of predictions: doubtful ones first, every name escaped, and several pages where one would be too long."""

import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest
from page_toys import SIZE_HW, Folder, flag

from handbone.workflows import page
from handbone.workflows.page import write_pages

EVIL = 'p/=x"><img src=y onerror=alert(1)>\u202e&amp;.png'


class Reader(HTMLParser):
    """Elements with their attributes, and all text."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag, **wanted):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]


def written(folder, name="index.html"):
    write_pages(folder.kept, folder.records, folder.stems, "zero_shot")
    return Reader(folder.kept.folder / name)


def cards(read):
    return [(card["data-name"], card["data-kind"]) for card in read.all("article")]


def test_doubtful_radiographs_come_first_those_with_most_bones_before_others(tmp_path):
    folder = Folder(tmp_path)
    folder.add("fine.png", confidence=0.99).add("broken.png", error="broken.png: is cut").add(
        "weak.png", confidence=0.9
    )
    folder.add("empty.png", bones=0, flags=[flag("no-hand", "no hand was found")])
    folder.add("one.png", flags=[flag("unsure", "the probability is low", "Lunate")])
    folder.add("two.png", flags=[flag("missing", "not found: Lunate, Ulna", "Lunate", "Ulna")])
    read = written(folder)
    assert cards(read) == [
        ("two.png", "doubtful"),
        ("one.png", "doubtful"),
        ("empty.png", "no_hand"),
        ("broken.png", "failed"),
        ("weak.png", "fine"),
        ("fine.png", "fine"),
    ]
    assert "4 outlined, 2 of them doubtful; 1 without a hand; 1 failed" in " ".join(read.text.split())


def test_flags_stand_in_words_with_the_bones_names_as_the_page_has_them(tmp_path):
    flags = [
        flag("unsure", "the probability of being right is only 0.70", "finger-8"),
        flag("area", "finger-13 has 0.24 times the usual area", "finger-13"),
        flag("missing", "not found: finger-1, Lunate", "finger-1", "Lunate"),
    ]
    text = written(Folder(tmp_path).add("a.png", flags=flags)).text
    assert "DP3: the probability of being right is only 0.70" in text
    assert "MP4 has 0.24 times the usual area" in text and "MP4: MP4" not in text
    assert "not found: DP1, Lunate" in text and "finger-" not in text


def test_doubtful_bones_are_marked_in_the_drawing_and_say_so(tmp_path):
    read = written(Folder(tmp_path).add("a.png", bones=3, flags=[flag("unsure", "low", "finger-2")]))
    paths = read.all("path")
    assert [p["class"] for p in paths] == ["b0", "b1 doubtful", "b2"]
    assert "PP1  thumb proximal phalanx · 0.95, doubtful" in read.text


def test_no_name_reaches_the_page_as_markup(tmp_path):
    folder = (
        Folder(tmp_path)
        .add(EVIL, flags=[flag("x", "<b>bold</b>")])
        .add("bad<i>.png", error="/images/bad<i>.png: </script><i>gone</i>")
    )
    read = written(folder)
    assert [a["src"] for a in read.all("img")] == ["page/s/0.jpg"] and not read.all("i")
    assert "</script><i>gone</i>" in read.text and "/images/bad<i>.png: </script>" not in read.text
    assert cards(read)[0][0] == EVIL.replace("\u202e", "\\u202e")
    source = (folder.kept.folder / "index.html").read_text("utf-8")
    assert "<b>bold" not in source and source.count("</script>") == 2
    (listed,) = re.findall(r'id="listed">(.*?)</script>', source)
    assert json.loads(listed)[0][0] == EVIL  # p/= is no formula
    assert not re.search(r"https?://(?!www\.w3\.org)", source)


def test_names_in_the_table_of_verdicts_are_no_formulas(tmp_path):
    source = written(Folder(tmp_path).add("=1+1.png")) and (tmp_path / "out" / "index.html").read_text("utf-8")
    assert json.loads(re.findall(r'id="listed">(.*?)</script>', source)[0])[0][0] == "'=1+1.png"


def test_addresses_hold_for_any_name_of_a_file(tmp_path):
    folder = Folder(tmp_path).add("a.png")
    stem = "s p/100% #1?\udce9"
    for path in (folder.kept.overlay, folder.kept.page_image):
        path(stem).parent.mkdir(exist_ok=True)
        path(folder.stems["a.png"]).rename(path(stem))
    folder.stems["a.png"] = stem
    read = written(folder)
    assert read.all("img")[0]["src"] == "page/s%20p/100%25%20%231%3F%E9.jpg"
    assert read.all("a", target="_blank")[0]["href"] == "overlays/s%20p/100%25%20%231%3F%E9.png"


def test_many_radiographs_make_several_pages_and_each_lists_all(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PER_PAGE", 2)
    folder = Folder(tmp_path)
    for number in range(5):
        folder.add(f"{number}.png", confidence=0.5 + 0.1 * number)
    first, last = written(folder), Reader(folder.kept.folder / "index-3.html")
    assert [name for name, _ in cards(first) + cards(last)] == ["0.png", "1.png", "4.png"]
    assert [a["href"] for a in first.all("a")[:3]] == ["index.html", "index-2.html", "index-3.html"]
    assert len(last.all("a", **{"aria-current": "page"})) == 2  # above and below
    assert '"4.png"' not in first.text, "pages do not grow with their number"
    text = (folder.kept.folder / "page/listed.js").read_text()
    entries = json.loads(text.removeprefix("window.handboneListed = ").replace("],\n]", "]\n]").rstrip(";\n"))
    assert [name for name, *_ in entries] == [f"{number}.png" for number in range(5)]
    assert first.all("script", src="page/listed.js")


def test_a_verdict_belongs_to_the_name_and_exactly_these_masks(tmp_path):
    def key(name, bones, place):
        (tmp_path / place).mkdir()
        return written(Folder(tmp_path / place).add(name, bones=bones)).all("article")[0]["data-key"]

    assert key("a.png", 29, "1") == key("a.png", 29, "2")
    assert len({key("a.png", 29, "3"), key("b.png", 29, "4"), key("a.png", 28, "5")}) == 3


def test_an_image_that_is_not_kept_is_read_again_and_one_that_is_gone_is_left_out(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full(SIZE_HW, 90, np.uint8))
    folder = Folder(tmp_path).add("a.png", image=False).add("gone.png", image=False, confidence=0.99)
    read = written(folder)
    assert [a["src"] for a in read.all("img")] == ["page/s/0.jpg"] and "No image" in read.text
    image = cv2.imread(str(folder.kept.page_image("s/0")), cv2.IMREAD_GRAYSCALE)
    assert image.shape == SIZE_HW


@pytest.mark.parametrize("inverted", [False, True])
def test_an_image_is_shown_in_the_polarity_that_was_read(inverted, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.tile(np.linspace(0, 255, SIZE_HW[1]).astype(np.uint8), (SIZE_HW[0], 1)))
    folder = Folder(tmp_path).add("a.png", image=False, inverted=inverted)
    written(folder)
    row = cv2.imread(str(folder.kept.page_image("s/0")), cv2.IMREAD_GRAYSCALE)[75].astype(int)
    assert (row[0] > row[-1]) == inverted


def test_large_radiographs_are_shown_small(tmp_path):
    page.write_page_image(tmp_path / "a.jpg", np.zeros((2048, 1500), np.float32))
    assert cv2.imread(str(tmp_path / "a.jpg"), cv2.IMREAD_GRAYSCALE).shape == (1024, 750)


def test_measurements_stand_beside_their_image_where_they_were_made(tmp_path):
    folder = Folder(tmp_path).add("a.png").add("b.png", confidence=0.99)
    table = pd.DataFrame(
        [
            ("a.png", "left", "carpal_height_ratio", "wrist", "0.54321", "", "none", "ok", ""),
            ("a.png", "left", "ulnar_variance", "wrist", "", "px", "none", "refused", "the ulna is cut"),
            ("a.png", "left", "length", "MC3", "512", "px", "none", "ok", ""),
        ],
        columns=["image", "side", "measure", "bone_or_joint", "value", "unit", "scale_source", "quality", "reason"],
    )
    table.to_csv(folder.kept.folder / "measurements.csv", index=False)
    text = written(folder).text
    assert "0.543" in text and "the ulna is cut" in text and text.count("Measurements") == 1
    assert "512" not in text  # lengths of 19 bones are left to the table
