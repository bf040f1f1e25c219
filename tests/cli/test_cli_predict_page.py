"""`handbone predict` writes a page beside its results, and it is one of them in every respect."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner
from weights_small import MODEL

from handbone.anatomy import NAMES
from handbone.cli import predict
from handbone.core.written import WRITTEN_FILE
from handbone.weights.network_file import WeightsCard, build_network, save_weights

app = typer.Typer()
app.command()(predict.command)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An untrained network that sees bone in about half of all pixels."""
    torch.manual_seed(3)
    network = build_network(MODEL, 1)
    for values in network.parameters():
        if values.shape == (len(NAMES),):
            torch.nn.init.constant_(values, 0.3)
    card = WeightsCard(model=MODEL, in_channels=1, size=64, stage="coarse")
    return save_weights(tmp_path_factory.mktemp("weights") / "coarse.safetensors", network, card)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "more").mkdir(parents=True)
    grey = cv2.GaussianBlur(np.random.default_rng(0).random((150, 110), np.float32), (0, 0), 9)
    grey = cv2.normalize(grey, None, 0, 200, cv2.NORM_MINMAX).astype(np.uint8)
    cv2.imwrite(str(folder / "a.png"), grey)
    cv2.imwrite(str(folder / "more" / "b.png"), grey[:, ::-1])
    return folder


@pytest.fixture
def call(images, weights, tmp_path):
    def call(*options, code=0):
        result = CliRunner().invoke(app, [str(images), "-o", str(tmp_path / "out"), "-w", str(weights), *options])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


def page_files(out):
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.name == "index.html" or "page" in path.parts}


PAGE = {"index.html", "page", "page/a.jpg", "page/more", "page/more/b.jpg"}


def test_the_page_is_written_and_named_and_replaced_with_the_results(call, tmp_path):
    out = tmp_path / "out"
    assert "out/index.html" in call().output.replace("\n", "")
    text = (out / "index.html").read_text("utf-8")
    assert page_files(out) == PAGE and 'data-name="more/b.png"' in text and "page/more/b.jpg" in text
    assert PAGE - {"page", "page/more"} < json.loads((out / WRITTEN_FILE).read_text())["files"].keys()
    call("--overwrite", "--no-page")
    assert page_files(out) == set()


def test_measurements_stand_on_the_page_where_they_are_made(call, tmp_path):
    call()
    assert "Measurements</summary>" not in (tmp_path / "out" / "index.html").read_text("utf-8")
    call("--overwrite", "--measure")
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert text.count("Measurements</summary>") == 2 and "Ulnar variance" in text


def test_a_page_of_the_users_own_stays_and_is_named_before_any_work(call, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.html").write_text("my site")
    assert "index.html" in str(call(code=1).exception)
    call("--no-page")
    assert (tmp_path / "out" / "index.html").read_text() == "my site"


def test_failed_images_stand_on_the_page_and_the_next_try_shows_them(call, images, tmp_path):
    whole = (images / "a.png").read_bytes()
    (images / "a.png").write_bytes(whole[:100])
    call(code=1)
    out = tmp_path / "out"
    assert 'data-kind="failed" data-name="a.png"' in (out / "index.html").read_text("utf-8")
    # What is known already is copied, not made again: the page's image even without the radiograph.
    shown = (out / "page" / "more" / "b.jpg").read_bytes()
    (images / "a.png").write_bytes(whole)
    assert "1 of 2 radiographs were outlined before" in call().stderr
    text = (out / "index.html").read_text("utf-8")
    assert page_files(out) == PAGE and 'data-kind="failed"' not in text
    assert (out / "page" / "more" / "b.jpg").read_bytes() == shown


def test_an_interrupted_command_goes_on_and_its_page_has_all(call, tmp_path, monkeypatch):
    from handbone.workflows import page as workflow

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(workflow, "write_pages", stop)
        call(code=130)
    assert not (tmp_path / "out").exists()
    assert "2 of 2 radiographs were outlined before" in call().stderr
    assert page_files(tmp_path / "out") == PAGE
    shutil.rmtree(tmp_path / "images")  # a page needs nothing but its folder
    assert "/images/" not in (tmp_path / "out" / "index.html").read_text("utf-8").replace(str(tmp_path), "")
