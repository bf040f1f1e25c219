"""The page in a real browser: drop a radiograph, look at it, take its masks, remove it."""

import shutil
import threading
import zipfile

import pytest
import uvicorn
from handbone_serve.app import make_app
from handbone_serve.jobs import Jobs
from handbone_serve.work import Outliner
from servers import TOKEN, png

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    jobs = Jobs(tmp_path_factory.mktemp("serve"), Outliner("zero_shot", max_pixels=4_000_000))
    app = make_app(jobs, token=TOKEN, hosts=["127.0.0.1"], max_bytes=5_000_000)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def page():
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip("this machine has no Chromium or Chrome")
    problems = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(accept_downloads=True, viewport={"width": 1280, "height": 860}).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.problems = problems
        yield page
        browser.close()


def test_a_radiograph_is_dropped_looked_at_taken_and_removed(address, page, tiny_hand, tmp_path):
    page.goto(f"{address}/#token={TOKEN}")
    assert TOKEN not in page.url  # nor in the browser's history
    files = [
        {"name": "<img src=x onerror=alert(1)>.png", "mimeType": "image/png", "buffer": png(tiny_hand.image)},
        {"name": "broken.png", "mimeType": "image/png", "buffer": b"nothing"},
    ]
    page.locator("#files").set_input_files(files)
    page.locator("#waiting .failed", has_text="broken.png").wait_for()
    card = page.locator(".card")
    card.wait_for()
    assert card.get_attribute("data-name") == "_img src=x onerror=alert(1)_.png"
    page.wait_for_function("document.querySelector('.card img').naturalWidth === 256")
    card.click()
    assert page.locator(".stage .bones path:visible").count() > 20
    assert page.locator(".told summary", has_text="Measurements").is_visible()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    page.locator("#format").select_option("png")
    with page.expect_download() as download:
        card.get_by_role("button", name="Masks").click()
    assert not page.locator("dialog.viewer").is_visible()
    download.value.save_as(tmp_path / "masks.zip")
    with zipfile.ZipFile(tmp_path / "masks.zip") as archive:
        assert any(name.endswith("Radius.png") for name in archive.namelist())
    page.reload()  # all is there again, the verdict, too
    card.wait_for()
    assert card.locator(".verdict").text_content() == "good"
    card.get_by_role("button", name="Remove").click()
    card.wait_for(state="detached")
    assert page.problems == []


def test_without_the_token_the_page_says_what_to_do(address, page):
    page.goto(address)
    page.locator("#problem", has_text="Open the whole address").wait_for()
    assert page.locator("#format option").count() == 0
