"""Commands that work image by image give the same bytes whoever does the work: this process, or several others."""

import json
import pickle
import re

import cv2
import numpy as np
import pytest
from evaluate_toys import HANDS, masks_of, shifted, write_hands, write_table
from plain_hands import PlainHand
from typer.testing import CliRunner

from handbone.cli import app
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import PredictionsWriter
from handbone.workflows import crews
from handbone.workflows.tasks import Failed, each_in_order, here


def scattered(task, items):
    """Every item in another order, with all that goes to a process and comes back of it copied as processes do."""
    ready = pickle.loads(pickle.dumps(task)).open()
    for item in reversed(list(items)):
        yield pickle.loads(pickle.dumps(ready.one(pickle.loads(pickle.dumps(item)))))


def square(number):
    if number == 3:
        raise HandboneError("is odd", where="3")
    return number * number


def squares():
    return square


@pytest.mark.parametrize("crew", [here, scattered])
def test_results_come_in_the_order_of_their_items_and_one_that_fails_costs_no_other(crew):
    found = list(each_in_order(squares, (1, 2, 3, 4), title="Squaring", crew=crew))
    assert found == [(1, 1), (2, 4), (3, Failed("3: is odd")), (4, 16)]


def test_an_item_whose_processes_died_is_named():
    def deadly(task, items):
        return (task.lost(item, "it died") for item in items)

    assert list(each_in_order(squares, ("a.png",), title="", crew=deadly)) == [("a.png", Failed("a.png: it died"))]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Predictions of two hands with their images, and two tables beside labels."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "predicted").mkdir()
    records = []
    with PredictionsWriter(folder / "predicted/predictions.csv") as table:
        for name, left in (("a.png", False), ("b.png", True), ("c.png", False)):
            hand = PlainHand(left=left, pixel_mm=(0.3, 0.3))
            masks = hand.masks()
            table.write(name, masks)
            cv2.imwrite(str(folder / name), np.round(255 * hand.image()).astype(np.uint8))
            known = {"confidence": {"Radius": 0.5 + 0.1 * left}, "flags": []}
            records.append({"name": name, "path": str(folder / name), "size_hw": masks.size_hw, **known})
    (folder / "predicted/predictions.json").write_text(json.dumps({"images": records}))
    (folder / "c.png").write_bytes(b"cut")
    write_hands(folder / "hands")
    write_table(folder / "one.csv", shifted((2, 1)))
    write_table(folder / "two.csv", {key: masks_of(key) for key in HANDS})
    return folder


COMMANDS = {
    "measure": ["measure", "predicted", "--rois", "rus", "--mm-per-px", "0.3"],
    "evaluate": ["evaluate", "one.csv", "--truth", "hands", "--against", "two.csv", "--measures"],
    "ensemble by counting": ["ensemble", "one.csv", "two.csv"],
    "ensemble by a method": ["ensemble", "one.csv", "two.csv", "--method", "class_wise", "--set", "otherwise=two"],
    **{
        f"export {name}": ["export", "predicted", "--format", name, "--order", "doubt"]
        for name in ("coco", "contest_csv", "png")
    },
    **{f"export {name}": ["export", "whole", "--format", name] for name in ("labelme", "cvat", "label_studio")},
}


def call(home, words, out, *more):
    words = [str(home / word) if (home / word).exists() else word for word in words]
    return CliRunner().invoke(app, [*words, "-o", str(out), *more])


def content(folder):
    """All that was written, but for the minute, and for digests of the page that says it."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    files.pop(".handbone.json")
    return {
        name: re.sub(rb"\d\d:\d\d UTC", b"", data) if name == "report.html" else data for name, data in files.items()
    }


@pytest.fixture(scope="module")
def whole(home):
    """The predictions without the one whose image was cut."""
    (home / "whole").mkdir()
    text = (home / "predicted/predictions.csv").read_text().splitlines(keepends=True)
    (home / "whole/predictions.csv").write_text("".join(line for line in text if "c.png" not in line))
    record = json.loads((home / "predicted/predictions.json").read_text())
    (home / "whole/predictions.json").write_text(json.dumps({"images": record["images"][:2]}))


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "evaluate"])
def test_other_processes_write_the_same_bytes(home, tmp_path, monkeypatch, name):
    straight = call(home, COMMANDS[name], tmp_path / "straight")
    monkeypatch.setattr(crews, "crew_of", lambda workers, cluster: scattered)
    spread = call(home, COMMANDS[name], tmp_path / "spread", "--workers", "2")
    assert straight.exit_code == spread.exit_code == (1 if name == "measure" else 0), (straight.output, spread.output)
    assert content(tmp_path / "straight") == content(tmp_path / "spread")


@pytest.mark.slow
@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("name", ["measure", "evaluate", "export labelme"])
def test_real_processes_do_so_too(home, tmp_path, name):
    assert call(home, COMMANDS[name], tmp_path / "straight").exit_code == (name == "measure")
    assert call(home, COMMANDS[name], tmp_path / "spread", "--workers", "2").exit_code == (name == "measure")
    assert content(tmp_path / "straight") == content(tmp_path / "spread")


@pytest.mark.usefixtures("whole")
def test_a_format_that_refuses_an_image_ends_the_export_in_other_processes_too(home, tmp_path, monkeypatch):
    monkeypatch.setattr(crews, "crew_of", lambda workers, cluster: scattered)
    result = call(home, ["export", "predicted", "--format", "labelme"], tmp_path / "out", "--workers", "2")
    assert result.exit_code == 1 and "c.png" in str(result.exception) and not (tmp_path / "out").exists()
