"""The page of predictions in a real browser: it opens, filters, zooms, switches bones, and keeps and saves verdicts."""

import csv

import numpy as np
import pytest
from browser import browser_page
from page_toys import Folder, bone_masks, flag

from handbone.core.bone_masks import BoneMasks
from handbone.workflows.page import write_pages

pytestmark = pytest.mark.slow

EVIL = 'x"><img src=y onerror=alert(1)>.png'
LISTED = ["two.png", "one, really.png", "=none.png", EVIL, "fine.png"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = Folder(tmp_path_factory.mktemp("page"))
    folder.add("two.png", flags=[flag("missing", "not found: Ulna, Lunate", "Ulna", "Lunate")], bones=27)
    folder.add("one, really.png", flags=[flag("unsure", "the probability is low", "Lunate")])
    folder.add("=none.png", bones=0, flags=[flag("no-hand", "no hand was found")])
    folder.add(EVIL, error=f"{EVIL}: cannot be read")
    folder.add("fine.png")
    write_pages(folder.kept, folder.records, folder.stems, "zero_shot")
    return (folder.kept.folder / "index.html").as_uri()


@pytest.fixture
def page(address):
    with browser_page() as page:
        page.goto(address)
        yield page


def shown(page):
    return [card.get_attribute("data-name") for card in page.locator(".card:visible").all()]


def verdicts(page):
    return [card.locator(".verdict").text_content() for card in page.locator(".card").all()]


def test_it_opens_with_every_image_in_place(page):
    assert shown(page) == LISTED
    widths = "Promise.all([...document.images].map((image) => image.decode().then(() => image.naturalWidth)))"
    assert set(page.evaluate(widths)) == {120}
    # The outlines lie above the radiograph, which the card shows whole.
    first = page.locator(".card").first
    image, outlines = first.locator("img").bounding_box(), first.locator("svg").bounding_box()
    assert image == outlines


@pytest.mark.parametrize(
    ("label", "names"),
    [("Doubtful", LISTED[:2]), ("No hand", LISTED[2:3]), ("Failed", LISTED[3:4]), ("All", LISTED)],
)
def test_filters_show_one_kind_alone(label, names, page):
    page.locator(".filters label", has_text=label).first.click()
    assert shown(page) == names


def test_the_keyboard_goes_through_all_and_gives_verdicts(page):
    page.keyboard.press("ArrowRight")  # to the first
    page.keyboard.press("2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator(".viewer .name").text_content() == LISTED[1]
    page.keyboard.press("1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("3")
    assert page.locator(".place").text_content() == "3 of 5"
    assert page.locator('[data-verdict="bad"]').get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowRight")
    assert "no image" in page.locator(".stage").text_content()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    assert verdicts(page) == ["look", "good", "bad", "", ""]
    assert page.evaluate("document.activeElement.dataset.name") == LISTED[1]
    page.keyboard.press("1")  # the same again takes it back
    assert verdicts(page) == ["look", "", "bad", "", ""]


def test_verdicts_outlive_the_page_and_are_saved_as_csv(page, tmp_path):
    assert page.locator("#save").is_disabled()
    for name, key in ((LISTED[1], "1"), (LISTED[2], "3")):
        page.locator(".card", has=page.get_by_text(name, exact=True)).focus()
        page.keyboard.press(key)
    page.reload()
    assert verdicts(page) == ["", "good", "bad", "", ""]
    page.locator(".filters label", has_text="Without a verdict").click()
    assert shown(page) == [LISTED[0], LISTED[3], LISTED[4]]
    with page.expect_download() as download:
        page.locator("#save", has_text="Save 2 verdicts as CSV").click()
    assert download.value.suggested_filename == "verdicts.csv"
    download.value.save_as(tmp_path / "verdicts.csv")
    with open(tmp_path / "verdicts.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["image", "outcome", "verdict"],
        [LISTED[1], "doubtful", "good"],
        ["'=none.png", "no hand", "bad"],
    ]


def test_verdicts_of_several_pages_are_saved_together(tmp_path, monkeypatch):
    monkeypatch.setattr("handbone.workflows.page.PER_PAGE", 2)
    folder = Folder(tmp_path)
    for number in range(3):
        folder.add(f"{number}.png", confidence=0.5 + 0.1 * number)
    write_pages(folder.kept, folder.records, folder.stems, "zero_shot")
    with browser_page() as page:
        for name in ("index.html", "index-2.html"):
            page.goto((folder.kept.folder / name).as_uri())
            page.locator(".card").first.focus()
            page.keyboard.press("1")
        assert page.locator("#save").text_content() == "Save 2 verdicts as CSV"


def test_bones_are_switched_and_named_in_the_viewer(page):
    page.locator(".card").last.click()
    assert page.locator(".stage .bones path:visible").count() == 29
    assert page.locator(".bone-list label").count() == 29
    page.locator(".bone-list label", has_text="Capitate").click()
    assert page.locator(".stage .bones path:visible").count() == 28
    assert page.locator(".stage .names text:visible").count() == 28
    page.get_by_role("button", name="none or all").click()
    assert page.locator(".stage .bones path:visible").count() == 0
    page.get_by_role("button", name="none or all").click()
    assert page.locator(".stage .bones path:visible").count() == 29
    page.locator(".bone-list label", has_text="Ulna").hover()
    lit = page.locator(".stage path.lit title").all_text_contents()
    assert len(lit) == 1 and lit[0].lower().startswith("ulna")


def test_the_viewer_enlarges_at_the_pointer_and_moves(page):
    page.locator(".card").last.click()
    box = page.locator(".stage svg").bounding_box()

    def view():
        return [float(n) for n in page.locator(".stage svg").get_attribute("viewBox").split()]

    assert view() == [0, 0, 120, 150]
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -700)
    x, y, width, height = view()
    assert width < 60 and x == pytest.approx(60 - width / 2, abs=0.5) and y == pytest.approx(75 - height / 2, abs=0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 100, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert view()[0] < x and page.locator("dialog.viewer").is_visible()
    page.keyboard.press("0")
    assert view() == [0, 0, 120, 150]


def test_nothing_of_a_name_runs_and_it_fits_a_phone(address):
    with browser_page(size=(390, 844), phone=True) as page:
        page.on("dialog", lambda alert: pytest.fail(alert.message))
        page.goto(address)
        assert shown(page)[3] == EVIL
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator(".card").nth(3).tap()
        assert f"{EVIL}: cannot be read" in page.locator(".told").text_content()
        page.get_by_role("button", name="Next radiograph").tap()
        stage, aside = page.locator(".stage").bounding_box(), page.locator(".viewer aside").bounding_box()
        assert stage["height"] > 380 and aside["y"] >= stage["height"] - 1


SEEN = """() => [...document.querySelectorAll(".stage .names text")]
  .filter((text) => getComputedStyle(text).visibility === "visible").map((text) => text.getBoundingClientRect())
  .map(({ left, right, top, bottom }) => [left, right, top, bottom])"""


def test_no_name_lies_on_another_and_more_appear_where_there_is_room(tmp_path, monkeypatch):
    crowded = BoneMasks.from_dense(np.pad(bone_masks(29).dense()[:, ::2, ::2], ((0, 0), (0, 75), (0, 60))))
    monkeypatch.setattr("page_toys.bone_masks", lambda count: crowded)
    folder = Folder(tmp_path)
    folder.add("a.png")
    write_pages(folder.kept, folder.records, folder.stems, "zero_shot")
    with browser_page(size=(390, 844), phone=True) as page:
        page.goto((folder.kept.folder / "index.html").as_uri())
        page.locator(".card").tap()
        few = page.evaluate(SEEN)
        assert 0 < len(few) < 29
        for n, (left, right, top, bottom) in enumerate(few):
            assert not any(
                left < other[1] and other[0] < right and top < other[3] and other[2] < bottom for other in few[:n]
            )
        hidden = page.locator(".stage .names text.covered").first
        name = hidden.text_content()
        page.locator(".bone-list label", has_text=name).first.hover()
        assert hidden.evaluate("text => getComputedStyle(text).visibility") == "visible"
        for _ in range(6):
            page.get_by_role("button", name="Enlarge").tap()
        assert len(page.evaluate(SEEN)) > len(few)
