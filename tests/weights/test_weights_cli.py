"""`handbone weights` through the real command line."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from handbone.cli import app
from handbone.core.errors import HandboneError


@pytest.fixture
def handbone(monkeypatch):
    """Run `handbone weights ...` in a wide terminal; gives standard output."""
    monkeypatch.setenv("COLUMNS", "240")

    def run(*words, code=0):
        result = CliRunner().invoke(app, ["weights", *map(str, words)])
        if isinstance(result.exception, HandboneError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def test_list(handbone, packed, places):
    assert handbone("list") == "" and json.loads(handbone("list", "--json")) == []
    shutil.copytree(packed, places.shipped / "zero_shot")
    text = handbone("list")
    assert all(word in text for word in ("zero_shot", "shipped", "coarse + refiner", "for tests"))
    (entry,) = json.loads(handbone("list", "--json"))
    assert entry["metrics"]["all"]["merged"] == 0.93 and len(entry["files"]["refiner"]["sha256"]) == 64
    (places.fetched / "broken").mkdir(parents=True)
    (places.fetched / "broken" / "card.json").write_text("{")
    assert "damaged" in handbone("list", code=1)
    assert "cannot be read" in json.loads(handbone("list", "--json", code=1))[1]["error"]


def test_info_of_a_set(handbone, packed, places):
    folder = places.shipped / "zero_shot"
    shutil.copytree(packed, folder)
    text = handbone("info", "zero_shot")
    for word in (
        "matches the card",
        "all, merged",
        "0.93",
        "Untrained.",
        "not a medical device",
        "unet with test_efficientnet",
    ):
        assert word in text
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card["limits"].append("It is not a medical device, as this card says itself.")
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert handbone("info", "zero_shot").count("not a medical device") == 1
    (folder / "coarse.safetensors").write_bytes(b"x")
    assert "is not the file" in handbone("info", "zero_shot", code=1)
    facts = json.loads(handbone("info", "zero_shot", "--json", code=1))
    assert facts["verified"] is False and "reinstall handbone" in facts["problem"]
    assert json.loads(handbone("info", packed, "--json"))["verified"] is True
    with pytest.raises(HandboneError, match="did you mean 'zero_shot'"):
        handbone("info", "zeroshot")


def test_info_of_a_run_and_of_a_file(handbone, run_folder):
    text = handbone("info", run_folder)
    assert all(word in text for word in ("stage", "refiner", "unet with test_efficientnet, 1 channel", "64 x 64"))
    (card,) = json.loads(handbone("info", run_folder / "weights" / "refiner.safetensors", "--json"))["files"]
    assert card["stage"] == "refiner" and card["model"]["encoder"] == "test_efficientnet"


def test_pack_and_fetch(handbone, run_folder, zipped, tmp_path, places):
    metrics = tmp_path / "headlines.json"
    metrics.write_text('{"Dice": 0.5}')
    out = tmp_path / "mine"
    asked = ("pack", run_folder, out, "--name", "mine", "--summary", "of mine")
    text = handbone(*asked, "--metrics", metrics, "--limit", "Adults.", "--limit", "Left hands.")
    assert text.startswith("mine ") and "MB" in text
    facts = json.loads(handbone("info", out, "--json"))
    assert facts["limits"] == ["Adults.", "Left hands."] and facts["metrics"] == {"Dice": 0.5}
    assert handbone("fetch", zipped[0], "--sha256", zipped[1], "--name", "theirs").startswith("theirs ")
    assert [entry["name"] for entry in json.loads(handbone("list", "--json"))] == ["theirs"]
    handbone("fetch", zipped[0], code=2)


@pytest.mark.parametrize(("text", "words"), [("{", "is not valid JSON"), ("[1]", "is not a JSON object")])
def test_metrics_that_are_none(handbone, run_folder, tmp_path, text, words):
    (tmp_path / "headlines.json").write_text(text)
    with pytest.raises(HandboneError, match=words):
        handbone("pack", run_folder, tmp_path / "out", "--name", "mine", "--metrics", tmp_path / "headlines.json")
    assert not (tmp_path / "out").exists()
