"""`handbone run` and `compare`: what the run is asked for, which process says what, and what a plan of several says."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from handbone.cli.output import Told
from handbone.core.progress import console
from handbone.runs.plan import Result


class Run:
    """A run that does nothing, and says what it was asked for."""

    def __init__(self, name="tiny", problems=()):
        self.recipe, self.folder = SimpleNamespace(name=name), SimpleNamespace(path=Path("runs", name))
        self.synthetic, self.asked = True, []
        self.result = Result(self.folder.path, {}, {"coarse": 90.0}, 1.25, list(problems))

    def plan(self):
        self.asked.append("plan")
        step = SimpleNamespace(name="coarse", summary="Train [it].", sizes=lambda recipe: "8 images")
        return [SimpleNamespace(step=step, state="new")]

    def estimate_memory(self):
        return {"coarse": 1.26}

    def execute(self, tell):
        tell(self.plan())
        self.asked.append("execute")
        return self.result

    def follow(self, plan):
        self.asked.append(("follow", len(plan), console.quiet, Told.json))


@pytest.fixture
def opened(monkeypatch):
    """The run that a command opens, and with what."""
    run = Run()
    run.result = Result(run.result.folder, {"wrist": {"coarse": 0.9, "merged": 0.95}, "all": {"merged": 0.8}}, {}, None)

    def open_run(recipe, overrides, output):
        run.opened = recipe, overrides, output
        return run

    monkeypatch.setattr("handbone.runs.engine.open_run", open_run)
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    return run


def test_a_run_is_opened_with_what_was_typed(say, opened, monkeypatch):
    forgotten = []
    monkeypatch.setattr("handbone.core.digests.forget_digests", lambda: forgotten.append(1))
    code, _, _ = say("run", "mine.toml", "--set", "a.b=1", "--set", "c=x y", "-o", "[out]")
    recipe, overrides, output = opened.opened
    assert code == 0 and (recipe, overrides, str(output)) == ("mine.toml", ["a.b=1", "c=x y"], "[out]")
    assert forgotten == [], "files are believed by their times"
    say("run", "mine.toml")
    assert opened.opened == ("mine.toml", [], None)
    say("run", "mine.toml", "--verify", "--dry-run")
    assert forgotten == [1] and opened.asked[-1] == "plan"


def test_a_dry_run_shows_the_plan_with_memory_and_does_nothing(say, opened):
    code, out, _ = say("run", "tiny", "--dry-run")
    cells = next([cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "Train" in line)
    assert code == 0 and cells == ["coarse", "Train [it].", "8 images", "to do", "1.3 GB"]
    value = json.loads(say("run", "tiny", "--dry-run", "--json")[1])
    assert value["schema"] == "handbone.run.plan/1" and value["memory_gb"] == {"coarse": 1.26}
    assert "execute" not in opened.asked


def test_a_finished_run_has_a_table_of_stages_and_says_how_to_use_its_weights(say, opened, tmp_path):
    folder = tmp_path / "my run"
    opened.result = Result(folder, opened.result.metrics, {"a": 30.0, "b": 60.0}, 2.04, [])
    code, out, err = say("run", "tiny")
    rows = {row[0]: row[1:] for line in out.splitlines() if (row := [c.strip() for c in line.split("│")[1:-1]])}
    assert code == 0 and rows == {"wrist": ["0.9000", "0.9500"], "all": ["", "0.8000"]}
    assert "1.5 min, at most 2.0 GB." in out and f"handbone predict IMAGES -w '{folder}'" in out
    assert "8 images" in err and "8 images" not in out, "the plan is a remark, the metrics are the result"


@pytest.mark.parametrize("as_json", [False, True])
def test_images_that_were_left_out_are_named_and_end_with_1(say, opened, tmp_path, as_json):
    problems = [{"file": "[a].png", "message": "is cut"}]
    opened.result = Result(tmp_path, {}, {}, None, problems)
    code, out, err = say("run", "tiny", *(["--json"] if as_json else []))
    assert code == 1
    if as_json:
        assert json.loads(out)["problems"] == problems and "8 images" not in err, "programs get the result alone"
    else:
        assert "left out [a].png: is cut" in out and "Mean Dice" not in out


@pytest.mark.parametrize(("variable", "first"), [("RANK", False), ("LOCAL_RANK", False), ("NODE_RANK", False)])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_further_process_follows_and_says_nothing(say, opened, monkeypatch, variable, first, as_json):
    monkeypatch.setattr(console, "quiet", False)
    monkeypatch.setenv(variable, "1")
    code, out, err = say("run", "tiny", *(["--json"] if as_json else []))
    assert (code, out, err) == (0, "", "") and opened.asked == ["plan", ("follow", 1, True, True)]


def test_the_first_process_of_several_speaks(say, opened, monkeypatch):
    monkeypatch.setattr(console, "quiet", False)
    monkeypatch.setenv("RANK", "0")
    assert say("run", "tiny", "--json")[1] and "execute" in opened.asked


def entries(*runs):
    return [SimpleNamespace(run=run) for run in runs]


@pytest.mark.parametrize("failed", [False, True])
def test_plans_of_several_recipes_are_shown_one_after_the_other(say, monkeypatch, failed):
    runs = [Run("one"), Run("[two]"), *([None] if failed else [])]
    asked = []
    monkeypatch.setattr("handbone.workflows.compare.find_recipes", lambda words: asked.append(words) or words)
    monkeypatch.setattr(
        "handbone.workflows.compare.open_entries", lambda *given: asked.append(given[1:]) or entries(*runs)
    )
    monkeypatch.setattr("handbone.workflows.compare.compare", lambda *_: pytest.fail("was run"))
    code, out, _ = say("compare", "a", "b", "--set", "x=1", "-o", "out", "--dry-run")
    assert code == int(failed) and out.index("one → runs/one") < out.index("[two] → runs/[two]")
    assert asked[0] == ["a", "b"] and asked[1][0] == ["x=1"] and str(asked[1][1]) == "out"
    code, out, _ = say("compare", "a", "b", "--dry-run", "--json")
    value = json.loads(out)
    assert code == int(failed) and [item["run"] for item in value["items"]] == ["runs/one", "runs/[two]"]
    assert str(asked[-1][1]) == "runs/compare", "where nothing is said"


def test_a_comparison_s_table_is_values_for_programs(say, monkeypatch, tmp_path):
    import pandas as pd

    table = pd.DataFrame([{"recipe": "one", "dice": 0.123456789, "images": 3, "error": None}])
    comparison = SimpleNamespace(table=lambda: table, lines=[SimpleNamespace(errors=())])
    monkeypatch.setattr("handbone.workflows.compare.find_recipes", lambda words: words)
    monkeypatch.setattr("handbone.workflows.compare.open_entries", lambda *_: [])
    monkeypatch.setattr("handbone.workflows.compare.compare", lambda *_: comparison)
    code, out, _ = say("compare", "one", "-o", "[out]", "--json")
    assert code == 0 and json.loads(out) == {
        **{"schema": "handbone.compare/1", "folder": "[out]"},
        "recipes": [{"recipe": "one", "dice": 0.123457, "images": 3, "error": None}],
    }
