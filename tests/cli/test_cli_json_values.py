"""What `--json` gives of changes, single weights files, runs and measures, to the last cell.

`test_cli_json_types.py` holds data sets, recipes and lists. A key that is new, or a text that stands for a number, is
found here.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NotRequired

import pytest
from cli_small import draw_image, save_seeing, write_table
from json_docs import checked, undocumented
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from handbone.runs.plan import Result

STRICT = ConfigDict(strict=True, extra="forbid")


@with_config(STRICT)
class Change(TypedDict):
    image: str
    bone: str
    change: Literal["changed", "drawn", "removed", "renamed"]
    before: int
    after: int
    added: int
    removed: int
    dice: float
    bone_before: str | None


@with_config(STRICT)
class Diff(TypedDict):
    schema: Literal["handbone.data.diff/1"]
    old: str
    new: str
    csv: str | None
    images: list[str]
    changed_images: list[str]
    only_old: list[str]
    only_new: list[str]
    failed: dict[str, str]
    changes: list[Change]


@with_config(STRICT)
class Merge(TypedDict):
    schema: Literal["handbone.data.merge/1"]
    handbone: str
    path: str
    corrected: list[str]
    predicted: list[str]
    without_bones: list[str]
    failed: dict[str, str]
    not_a_medical_device: Literal[True]


@with_config(STRICT)
class Draw(TypedDict):
    schema: Literal["handbone.data.draw/1"]
    path: str
    train: int
    test: int
    seed: int
    size: int
    variety: Literal["upright_adult", "diverse"]
    looks: Literal["training", "held_out"]


@with_config(STRICT)
class Network(TypedDict):
    path: str
    bytes: int
    sha256: str
    handbone: str
    stage: Literal["coarse", "refiner"]
    size: int
    in_channels: int
    bones: list[str]
    model: dict[str, Any]
    training: dict[str, Any]
    extra: dict[str, Any]
    plugin: dict[str, str] | None
    schema: NotRequired[str]
    format: NotRequired[int]


@with_config(STRICT)
class Run(TypedDict):
    schema: Literal["handbone.run/1"]
    folder: str
    metrics: dict[str, dict[str, float]]
    seconds: dict[str, float]
    peak_memory_gb: float | None
    problems: list[dict[str, str]]


@with_config(STRICT)
class MeasureOf(TypedDict):
    name: str
    title: str
    kind: str
    definition: str
    landmarks: str
    source: str
    normal: str
    repeatability: str
    aim: dict[str, Any] | None
    bones_or_joints: list[str]


@with_config(STRICT)
class Measures(TypedDict):
    schema: Literal["handbone.measures/1"]
    items: list[MeasureOf]


@pytest.fixture
def tables(tmp_path):
    for number in range(2):
        draw_image(tmp_path / "images" / f"{number}.png", number, (90, 90))
    write_table(tmp_path / "old.csv", ["0.png", "1.png", "x.png"], seed=1)
    write_table(tmp_path / "new.csv", ["0.png", "1.png"], seed=2)
    return tmp_path


def test_changes_of_labels_are_counted_in_whole_pixels(say, tables):
    value = checked(say("data", "diff", "old.csv", "new.csv", "--images", "images", "--json")[1], Diff)
    assert value["csv"] is None and value["only_old"] == ["x.png"] and value["changes"]
    for change in value["changes"]:
        assert change["after"] == change["before"] + change["added"] - change["removed"]
        shared = change["before"] - change["removed"]
        assert change["dice"] == pytest.approx(2 * shared / (change["before"] + change["after"]), abs=5.1e-5)


def test_merged_labels_are_listed_by_where_they_come_from(say, tables):
    words = ("data", "merge", "new.csv", "--over", "old.csv", "-o", "merged", "--images", "images", "--json")
    code, out, err = say(*words)
    value = checked(out, Merge)
    assert code == 1 and set(value["failed"]) == {"x.png"}, err
    assert value["corrected"] == ["0.png", "1.png"] and value["predicted"] == [] and value["path"] == "merged"


def test_a_drawn_set_says_what_was_asked_for(say, monkeypatch):
    asked = []
    draw = "handbone.synthetic.write.write_contest_set"
    monkeypatch.setattr(draw, lambda folder, **options: asked.append(options) or folder)
    value = checked(say("data", "draw", "-o", "[set]", "--count", "1", "--size", "64", "--json")[1], Draw)
    assert value == {
        **{"schema": "handbone.data.draw/1", "path": "[set]", "train": 1, "test": 0, "seed": 0, "size": 64},
        **{"variety": "upright_adult", "looks": "training"},
    }
    assert asked[-1]["train"] == 1 and asked[-1]["progress"] is False, "a bar would stand before the JSON"
    code, out, _ = say("data", "draw", "-o", "[more]", "--count", "1", "--size", "64", "--test", "2")
    assert code == 0 and out == "1 training and 2 test images in [more]\n" and asked[-1]["progress"] is True


def test_a_single_weights_file_has_its_card_and_digest(say, tmp_path):
    from handbone.core.files import sha256_of

    path = save_seeing(tmp_path / "coarse.safetensors", bones=[0], extra={"note": "손"})
    value = json.loads(say("weights", "info", path, "--json")[1])
    assert undocumented(value) == [] and list(value) == ["schema", "files"]
    (file,) = value["files"]
    assert file["sha256"] == sha256_of(path) and file["bytes"] == path.stat().st_size
    known = {key: file[key] for key in Network.__annotations__ if key in file}
    TypeAdapter(Network).validate_python(known)
    assert known["extra"] == {"note": "손"} and len(known["bones"]) == 29 and known["plugin"] is None
    code, out, _ = say("weights", "info", path)
    rows = {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in out.splitlines()[1:] if "  " in line}
    assert code == 0 and rows["beside"] == '{"note": "손"}' and rows["bones"] == "29" and "plugin" not in rows


def test_a_run_s_result_has_numbers_and_the_images_that_were_left_out(say, monkeypatch):
    problems = [{"file": "a.png", "message": "is cut"}]
    result = Result(Path("runs/x"), {"all": {"coarse": 0.9}}, {"coarse": 1.5}, None, problems)
    run = SimpleNamespace(execute=lambda tell: tell([]) or result)
    monkeypatch.setattr("handbone.runs.engine.open_run", lambda *_: run)
    code, out, _ = say("run", "tiny", "--json")
    assert code == 1 and checked(out, Run)["problems"] == problems, "an image that was left out is not all"


def test_measures_are_listed_with_texts_and_their_aims(say):
    value = checked(say("measure", "--list", "--json")[1], Measures)
    assert all(item["bones_or_joints"] for item in value["items"]) and any(item["aim"] for item in value["items"])
