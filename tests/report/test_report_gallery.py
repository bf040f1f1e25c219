"""Pages to look through: counts, order, filters, links between pages, and names that are no markup."""

import json
import re
from html.parser import HTMLParser

import pytest

from handbone.report.gallery import LIST_FILE, BoneShape, Card, Listed, card_html, write_gallery, write_list

EVIL = "\"'><script>alert(1)</script> & <b>.png"
ZERO = {"doubtful": 0, "no_hand": 0, "failed": 0, "fine": 0}


class Page(HTMLParser):
    """Elements in order, each with its attributes and the text right behind its tag."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])

    def handle_data(self, data):
        if self.elements:
            self.elements[-1][2] += data.strip("\n")

    def of(self, tag, **wanted):
        return [each for each in self.elements if each[0] == tag and wanted.items() <= each[1].items()]


def card(name="a.png", kind="fine", **more):
    return Card(name=name, key=f"key of {name}", kind=kind, facts="100 x 200 pixels", **more)


def written(tmp_path, cards, *, pages=("page.html",), number=0, counts=None, weights="zero_shot"):
    listed = [Listed(each.name, each.key, each.kind) for each in cards]
    counted = {kind: sum(each.kind == kind for each in cards) for kind in ZERO} if counts is None else counts
    path = tmp_path / pages[number]
    write_gallery(path, iter(cards), page=listed, counts=counted, pages=pages, number=number, weights=weights)
    return path.read_text("utf-8")


@pytest.mark.parametrize(
    ("counts", "heading", "lead"),
    [
        (ZERO, "0 radiographs", "0 outlined."),
        (ZERO | {"fine": 1}, "1 radiograph", "1 outlined."),
        (ZERO | {"fine": 2, "doubtful": 1}, "3 radiographs", "3 outlined, 1 of them doubtful."),
        (ZERO | {"no_hand": 2}, "2 radiographs", "0 outlined; 2 without a hand."),
        (ZERO | {"failed": 1, "doubtful": 1}, "2 radiographs", "1 outlined, 1 of them doubtful; 1 failed."),
    ],
)
def test_the_heading_counts_what_all_pages_show(tmp_path, counts, heading, lead):
    page = Page(written(tmp_path, [], counts=counts))
    assert [each[2].strip() for each in page.of("h1")] == [heading]
    assert [each[2].strip() for each in page.of("p", **{"class": "lead"})] == [lead]
    assert page.of("title")[0][2] == f"{heading} · handbone"


def test_cards_come_in_their_order_with_kind_and_key(tmp_path):
    cards = [card("b.png", "doubtful"), card("a.png"), card("c.png", "failed")]
    shown = Page(written(tmp_path, cards)).of("article")
    assert [(a["data-name"], a["data-kind"], a["data-key"]) for _, a, _ in shown] == [
        (each.name, each.kind, each.key) for each in cards
    ]
    assert shown[2][1]["aria-label"] == "c.png: failed"


def test_filters_are_those_that_show_anything(tmp_path):
    page = Page(written(tmp_path, [card("b.png", "doubtful"), card("a.png"), card("c.png", "no_hand")]))
    assert [a["value"] for _, a, _ in page.of("input", name="filter")] == ["all", "doubtful", "no_hand", "fine", "open"]


def test_one_page_lists_its_cards_itself_and_asks_for_no_other_file(tmp_path):
    text = written(tmp_path, [card(EVIL, "doubtful")])
    listed = Page(text).of("script", id="listed")
    assert [json.loads(each[2]) for each in listed] == [[[EVIL, f"key of {EVIL}", "doubtful"]]]
    assert not Page(text).of("nav") and LIST_FILE not in text
    assert "script-src 'unsafe-inline'\"" in text, "and may ask for none"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_of_several_pages_links_all_and_marks_itself(tmp_path, number):
    pages = ("page.html", "page-2.html", "page-3.html")
    page = Page(written(tmp_path, [card()], pages=pages, number=number, counts=ZERO | {"fine": 3}))
    links = [a for _, a, _ in page.of("a") if a.get("href") in pages]
    assert [a["href"] for a in links] == [*pages, *pages], "above and below"
    assert [a["href"] for a in links if "aria-current" in a] == [pages[number]] * 2
    assert page.of("title")[0][2] == f"3 radiographs, page {number + 1} · handbone"
    assert [a["src"] for _, a, _ in page.of("script") if "src" in a] == [LIST_FILE]


@pytest.mark.parametrize("field", ["name", "facts", "flag", "measurement", "weights"])
def test_no_text_from_outside_becomes_markup(tmp_path, field):
    more = {"flags": (EVIL,)} if field == "flag" else {}
    more |= {"measurements": ((EVIL, EVIL, EVIL, EVIL),)} if field == "measurement" else {}
    shown = Card(EVIL if field == "name" else "a.png", "k", "fine", EVIL if field == "facts" else "", **more)
    text = written(tmp_path, [shown], weights=EVIL if field == "weights" else "zero_shot")
    assert "<script>alert" not in text and "<b>.png" not in text
    assert "alert(1)" in text
    if field == "name":
        assert Page(text).of("article")[0][1]["data-name"] == EVIL


@pytest.mark.parametrize(
    ("flags", "why"), [((), None), (("too small",), "too small"), (("one", "two", "three"), "one and 2 more")]
)
def test_the_first_reason_stands_on_the_card_and_the_number_of_others(flags, why):
    text = card_html(card(kind="doubtful", flags=flags))
    found = re.search(r'<p class="why">(.*?)</p>', text)
    assert (re.sub("<.*?>", "", found[1]) if found else None) == why
    assert text.count("<li>") == len(flags) and ("Reasons to look" in text) is bool(flags)


def test_a_failure_says_why_it_failed():
    assert "Why it failed" in card_html(card(kind="failed", flags=("cannot be read",)))


def test_a_card_without_an_image_says_so_and_one_with_an_image_has_its_size():
    assert "No image" in card_html(card()) and "<img" not in card_html(card())
    text = card_html(card(size_hw=(300, 200), image="page/a.jpg", overlay="overlays/a.png"))
    (image,) = Page(text).of("img")
    assert (image[1]["src"], image[1]["width"], image[1]["height"]) == ("page/a.jpg", "200", "300")
    assert Page(text).of("a")[0][1]["href"] == "overlays/a.png"


def test_bones_are_paths_with_name_confidence_and_doubt():
    bones = (BoneShape(21, "M1,2Z", 0.876, False), BoneShape(28, "M3,4Z", 0.5, True))
    page = Page(card_html(card(size_hw=(30, 20), image="a.jpg", bones=bones)))
    assert page.of("svg")[0][1]["viewbox"] == "0 0 20 30"
    assert [(a["class"], a["d"]) for _, a, _ in page.of("path")] == [("b21", "M1,2Z"), ("b28 doubtful", "M3,4Z")]
    assert [text for _, _, text in page.of("title")] == ["Capitate · 0.88", "Ulna · 0.50, doubtful"]


def test_the_list_of_all_pages_is_a_script_of_ascii_that_holds_json(tmp_path):
    listed = [Listed("환자/</script>.png", "k1", "fine"), Listed(EVIL, "k2", "no_hand")]
    write_list(tmp_path, iter(listed))
    text = (tmp_path / LIST_FILE).read_text("ascii")
    entries = json.loads(re.sub(r",\n\];?\s*$", "]", text.removeprefix("window.handboneListed = ")))
    assert entries == [[each.name, each.key, each.kind] for each in listed]


def test_cards_that_fail_leave_the_earlier_page(tmp_path):
    before = written(tmp_path, [card()])

    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("no card")

    with pytest.raises(RuntimeError, match="no card"):
        write_gallery(
            tmp_path / "page.html", iter([Broken()]), page=[], counts=ZERO, pages=("page.html",), number=0, weights=""
        )
    assert (tmp_path / "page.html").read_text("utf-8") == before and len(list(tmp_path.iterdir())) == 1
