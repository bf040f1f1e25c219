"""What commands print of files, folders and recipes of any name neither steers a terminal nor is taken for markup."""

import json
from types import SimpleNamespace

import pytest
from cli_small import main
from data_toys import write_hand

from handbone.cli import compare, data, run_show
from handbone.core.bone_masks import BoneMasks
from handbone.evaluation.bootstrap import Interval
from handbone.evaluation.comparison import Cell, Comparison, Line
from handbone.formats.contest_csv import PredictionsWriter
from handbone.runs.plan import Result

EVIL = ["[/red]a", "[bold]a", "a\x1b[31mb", "a\u202egnp", "[link=file:///x]a[/link]", "a]b["]


def shown(name):
    """How a name is printed: control characters by their numbers, brackets as they are."""
    return name.replace("\x1b", r"\x1b").replace("\u202e", r"\u202e")


@pytest.mark.parametrize("name", EVIL)
def test_a_run_s_result_shows_names_as_they_are(name, tmp_path, capsys):
    problems = [{"file": f"{name}.png", "message": f"is cut after {name}"}]
    show(Result(tmp_path / name, {"all": {"coarse": 0.91234}}, {"train": 90.0}, None, problems), as_json=False)
    text = "".join(capsys.readouterr().out.split())
    told = f"left out {name}.png: is cut after {name}"
    for part in (
        told,
        f"Open {tmp_path / name / 'report.html'}",
        f"masks are in {tmp_path / name / 'predictions.csv'}.",
    ):
        assert "".join(shown(part).split()) in text
    assert "\x1b" not in text and "0.9123" in text and "1.5min" in text


def show(result, *, as_json):
    run_show.show_result(result, as_json=as_json)


def test_a_run_s_result_as_json_is_its_fields(tmp_path, capsys):
    show(Result(tmp_path / "r", {"all": {"coarse": 0.5}}, {"train": 1.0}, 2.5, []), as_json=True)
    value = json.loads(capsys.readouterr().out)
    assert value == {
        **{"schema": "handbone.run/1", "folder": str(tmp_path / "r"), "metrics": {"all": {"coarse": 0.5}}},
        **{"seconds": {"train": 1.0}, "peak_memory_gb": 2.5, "problems": []},
    }


def planned(name, state):
    step = SimpleNamespace(name="coarse", summary="Train the coarse network.", sizes=lambda recipe: "8 images")
    run = SimpleNamespace(
        recipe=SimpleNamespace(name=name), folder=SimpleNamespace(path=f"runs/{name}"), synthetic=True
    )
    return run, [SimpleNamespace(step=step, state=state)]


@pytest.mark.parametrize("name", EVIL)
def test_a_plan_shows_its_recipe_and_folder_as_they_are(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run_show.show_plan(*planned(name, "new"), as_json=False, memory={})
    assert f"{shown(name)} → runs/{shown(name)}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("new", "to do"),
        ("reused", "reused"),
        ("continued", "continues where it stopped"),
        ("redone", "runs again: settings or inputs changed"),
        ("damaged", "runs again: one of its files is damaged"),
    ],
)
def test_every_state_of_a_step_has_its_words(state, words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run_show.show_plan(*planned("a", state), as_json=False, memory={"coarse": 1.25})
    said = capsys.readouterr()
    assert words in said.out and ("1.2 GB" in said.out or "1.3 GB" in said.out)
    run_show.show_plan(*planned("a", state), as_json=False)
    said = capsys.readouterr()
    assert words in said.err and said.out == "" and "memory" not in said.err
    run_show.show_plan(*planned("a", state), as_json=True)
    assert json.loads(capsys.readouterr().out)["steps"] == [{"name": "coarse", "state": state, "sizes": "8 images"}]


@pytest.mark.parametrize("name", EVIL)
def test_a_comparison_shows_recipes_and_their_errors_as_they_are(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    cell = Cell(Interval(0.9, 0.8, 0.95), (0.9,))
    lines = Line(name, cells={"bent": {"dice": cell}}, seen=1), Line("b", errors=(f"no {name}",))
    compare._show(Comparison(lines, {"bent": (1, 1)}, ("dice",)), tmp_path / name)
    text = "".join(capsys.readouterr().out.split())
    for part in (name, f"b failed: no {name}", f"The table is in {tmp_path / name / 'compare.md'}"):
        assert "".join(shown(part).split()) in text


@pytest.mark.parametrize("name", EVIL)
def test_findings_of_a_data_set_show_files_as_they_are(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    folder = tmp_path / name.replace("/", "-")
    write_hand(folder, "train", "ID001", "image1")
    (folder / "train/outputs_json/ID001/image1.json").write_text("{")
    (folder / f"{name.replace('/', '-')}.json").write_text('{"polygon": [1]}')
    assert main(monkeypatch, "data", "check", folder) == 1
    text = "".join(capsys.readouterr().out.split())
    assert "".join(f"{shown(name.replace('/', '-'))}.json".split()) in text and "\x1b" not in text


@pytest.mark.parametrize("name", EVIL)
def test_a_summary_names_its_page_as_it_is(name, tmp_path, capsys, monkeypatch):
    write_hand(tmp_path / "set", "x", "p", "a", labelled=False)
    output = tmp_path / name.replace("/", "-")
    assert main(monkeypatch, "data", "summary", tmp_path / "set", "-o", output) == 0
    text = "".join(capsys.readouterr().out.split())
    assert "".join(shown(f"Page, tables and images: {output / 'summary.html'}").split()) in text
    assert data.app is not None


@pytest.mark.parametrize("name", EVIL)
def test_a_hand_that_cannot_be_measured_is_named_as_it_is(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    path = tmp_path / "predictions.csv"
    with PredictionsWriter(path) as table:
        table.write(f"{name}.png", BoneMasks.from_polygons({}, (40, 30)))
    assert main(monkeypatch, "measure", path, "-o", tmp_path / "out") in (0, 1)
    said = "".join(capsys.readouterr().out.split())
    assert "".join(shown(f"{name.rsplit('/')[-1]}.png").split()) in said and "\x1b" not in said
