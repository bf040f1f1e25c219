"""Every command's --json: one JSON value on standard output, whose numbers are numbers and booleans booleans."""

import shutil

import cv2
import numpy as np
import pytest
import torch
from json_docs import TABLES, undocumented, wrong
from typer.testing import CliRunner
from weights_small import MODEL

from handbone.anatomy import NAMES
from handbone.cli import app
from handbone.core.files import json_value, write_json
from handbone.core.frame import Frame
from handbone.formats.contest_csv import PredictionsWriter
from handbone.method.settings import METHOD, MethodSettings
from handbone.synthetic import draw_hand
from handbone.weights.network_file import WeightsCard, build_network, save_weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Small weights of both stages, images, and two contest files of them; an image that is none beside."""
    folder = tmp_path_factory.mktemp("home")
    settings = MethodSettings(refiner={"random_rois": True}).model_dump(mode="json")
    for stage, extra in (("coarse", {METHOD: settings}), ("refiner", {})):
        torch.manual_seed(3)
        network = build_network(MODEL, 1)
        for values in network.parameters():
            if values.shape == (len(NAMES),):
                torch.nn.init.constant_(values, 0.3)
        card = WeightsCard(model=MODEL, in_channels=1, size=64, stage=stage, extra=extra)
        save_weights(folder / "weights" / f"{stage}.safetensors", network, card)
    (folder / "images").mkdir()
    for file in ("a", "b"):
        with PredictionsWriter(folder / f"{file}.csv") as table:
            for seed in range(2):
                hand = draw_hand(seed, size=256)
                cv2.imwrite(str(folder / "images" / f"{seed}.png"), hand.image)
                table.write(f"{seed}.png", hand.masks)
    shutil.copytree(folder / "images", folder / "broken")
    (folder / "broken" / "2.png").write_bytes(b"no image")
    return folder


def call(home, words, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("HANDBONE_CACHE", str(home / "cache"))
    monkeypatch.setenv("HANDBONE_RUNS", str(home / "runs"))
    return CliRunner().invoke(app, [*words.split(), "--json"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("predict images -w weights -o predicted --write coco", 0),
        ("predict broken -w weights -o failed --flip-tta --threshold 0.3", 1),
        ("refine --coarse a.csv --images images -w weights -o refined", 0),
        ("ensemble one=a.csv two=b.csv --images images -o joined --method vote", 0),
        ("export a.csv --format png --images images -o exported", 0),
        ("measure a.csv --images images -o measured --rois svdh", 0),
        ("measure broken -w weights -o measured_too", 1),
        ("measure --list", 0),
        ("data draw -o drawn --count 2 --size 128", 0),
        ("data check images", 0),
        ("data check broken", 1),
        ("data summary images", 0),
        ("recipes list", 0),
        ("recipes show two_stage", 0),
        ("recipes validate two_stage a.csv", 1),
        ("recipes keys", 0),
        ("weights list", 0),
        ("weights info zero_shot", 0),
        ("weights info weights", 0),
        ("plugins list", 0),
        ("run tiny --dry-run", 0),
    ],
)
def test_values_have_their_types(home, words, code, monkeypatch, read_json):
    result = call(home, words, monkeypatch)
    assert result.exit_code == code, result.output
    value = read_json(result.stdout)
    # A JSON Schema has keys of its own.
    assert words == "recipes keys" or undocumented(value) == []


def test_a_recipe_s_values_are_those_of_its_keys(home, monkeypatch, read_json):
    shown = read_json(call(home, "recipes show two_stage", monkeypatch).stdout)
    values = {row["key"]: row["value"] for row in shown["keys"]}
    recipe = shown["recipe"]
    assert values["seed"] == recipe["seed"] and values["coarse.train.lr"] == recipe["coarse"]["train"]["lr"]
    assert values["data.annotations"] is False and values["data.cache"] is None
    assert values["merge.area_ratio"] == recipe["merge"]["area_ratio"] and values["coarse.model.name"] == "unetplusplus"


def test_records_on_disk_have_the_same_types(home, monkeypatch, read_json):
    for command in ("predict images -o one -w weights", "refine --coarse a.csv --images images -w weights -o two"):
        assert call(home, command, monkeypatch).exit_code == 0
    decisions = read_json((home / "two" / "refinement.json").read_text())["images"][0]["decisions"]
    assert all(isinstance(decision["elsewhere"], bool) and isinstance(decision["used"], bool) for decision in decisions)
    for path in home.glob("*/*.json"):
        value = read_json(path.read_text(encoding="utf-8"))
        assert value.get("schema") not in TABLES or wrong(value, value["schema"]) == []


def test_a_value_that_is_not_as_documented_is_found():
    value = {"schema": "handbone.error/1", "error": "x", "where": None, "remedy": None, "exit_code": 1}
    assert undocumented(value) == []
    for change in ({"exit_code": True}, {"exit_code": "1"}, {"error": None}, {"more": 1}):
        assert undocumented(value | change)


def test_what_json_does_not_know_is_a_number_or_is_refused(tmp_path, read_json):
    frame = Frame.letterbox((4, 4), (8, 8))
    value = {"a": np.float32(0.5), "b": np.bool_(False), "c": np.arange(3), "d": tmp_path, "e": frame, "f": np.int64(7)}
    written = read_json(write_json(tmp_path / "a.json", value).read_text())
    assert written == {"a": 0.5, "b": False, "c": [0, 1, 2], "d": str(tmp_path), "e": frame.to_json(), "f": 7}
    with pytest.raises(TypeError, match="object is not a JSON value"):
        json_value(object())
