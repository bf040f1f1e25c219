"""What commands that work for minutes say at their end: `bench`, `adapt`, `compare` and `run`, without their work."""

import json
import math

import pandas as pd
import pytest
from cli_small import draw_image, main

from handbone.evaluation.bootstrap import Interval
from handbone.evaluation.comparison import Cell, Comparison, Line
from handbone.workflows.adapt.adaptation import Adaptation
from handbone.workflows.adapt.changes import BoneChange, Changes, RadiographChange
from handbone.workflows.bench.bench import Bench
from handbone.workflows.bench.case import Measured


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*words):
        code = main(monkeypatch, *words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def adapted(tmp_path, **more):
    bones = (
        BoneChange("Radius", 0.0123, 1.0456, 9, 10, 2, 1),
        BoneChange("Ulna", math.nan, math.nan, 0, 0, 0, 0),
    )
    radiographs = (RadiographChange("a.png", 0.5, 2, 1), RadiographChange("b.png", error="b.png: is cut"))
    facts = {"weights": tmp_path / "mine", "refused": (), "unread": (), "radiographs": 12, "steps": 300}
    masks = {"used": 8, "outlined": 12, "bones_used": 0.755}
    return Adaptation(
        page=tmp_path / "page.html",
        dice=(0.91234, 0.92346),
        changes=Changes(bones, radiographs),
        pseudo_masks=masks,
        **(facts | more),
    )


@pytest.fixture
def adapting(monkeypatch, tmp_path, call):
    """Runs `handbone adapt` on an image where the work gives some result."""
    draw_image(tmp_path / "images" / "a.png")

    def run(result, *words):
        monkeypatch.setattr("handbone.workflows.adapt.run.adapt", lambda *_, **__: result)
        return call("adapt", "images", "-o", "mine", *words)

    return run


def test_an_adaptation_shows_each_bone_and_its_facts(adapting, tmp_path):
    code, out, _ = adapting(adapted(tmp_path))
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert code == 0
    assert lines["Radius"] == ["Radius", "1.2%", "x", "1.046", "9", "->", "10", "2", "->", "1"]
    assert lines["Ulna"] == ["Ulna", "0", "->", "0", "0", "->", "0"], "what cannot be told is empty"
    for words in ("12, of which 0 could not be read", "8 of 12 pseudo-masks, 76% of their bones", "2 before, 1 after"):
        assert words in out
    assert "0.9123 before, 0.9235 after" in out


def test_an_adaptation_for_programs_has_null_for_what_cannot_be_told(adapting, tmp_path, read_json):
    code, out, _ = adapting(adapted(tmp_path), "--json")
    value = read_json(out)
    assert code == 0 and value["schema"] == "handbone.adapt/1" and value["bones"][1]["changed"] is None
    assert value["synthetic_dice"] == {"before": 0.91234, "after": 0.92346} and value["flags"] == {
        "before": 2,
        "after": 1,
    }
    assert value["passed_over"] == [] and value["judged"][1]["error"] == "b.png: is cut"


@pytest.mark.parametrize("as_json", [False, True])
def test_unread_radiographs_are_told_and_the_exit_code_is_1(adapting, tmp_path, as_json):
    code, out, err = adapting(adapted(tmp_path, unread=("[b].png: is \x1b cut",)), *(["--json"] if as_json else []))
    assert code == 1 and "skipped [b].png: is" in err
    assert not as_json or json.loads(out)["unread"] == ["[b].png: is \x1b cut"]


def test_refused_weights_are_an_error_with_every_reason(adapting, tmp_path):
    refused = adapted(tmp_path, weights=None, refused=("Dice fell", "flags rose"))
    code, out, err = adapting(refused)
    assert code == 1 and "Radius" in out
    assert "mine: the weights were not written: Dice fell; flags rose; see" in err and "fewer --steps" in err


@pytest.mark.parametrize("words", [("--steps", "0"), ("--steps", "many"), ("--steps", "-1")])
def test_steps_that_are_none_are_wrong_usage(adapting, tmp_path, words):
    assert adapting(adapted(tmp_path), *words)[0] == 2


def measured(**more):
    facts = {"start_seconds": 0.64, "image_seconds": 1.234, "pass_seconds": {"1": 0.1234, "4": 0.4}, "memory_mb": 812.4}
    return Measured(**({"runtime": "onnx", "precision": "32", "threads": 2} | facts | more))


@pytest.mark.parametrize("error", [None, "no [onnxruntime]"])
def test_a_bench_shows_every_way_and_what_to_take(monkeypatch, call, error):
    cases = (measured(), measured(precision="bf16", error=error))
    monkeypatch.setattr("handbone.workflows.bench.bench", lambda *_, **__: Bench("w", "x", 2, "y", cases, "onnx [32]"))
    code, out, _ = call("bench")
    assert code == (0 if error is None else 1) and "Use onnx [32]" in out
    (first, *_) = [line.split() for line in out.splitlines() if line.startswith("onnx")]
    assert first == ["onnx", "32", "2", "1.23", "0.123", "0.400", "0.6", "812"]
    assert ("failed onnx bf16: no [onnxruntime]" in out) is (error is not None)
    code, out, _ = call("bench", "--json")
    value = json.loads(out)
    assert value["schema"] == "handbone.bench/1" and [case["error"] for case in value["cases"]] == [None, error]


def compared(*lines):
    return Comparison(lines, {"straight": (2, 2)}, ("dice", "hd95_px"))


def line(name):
    cells = {"dice": Cell(Interval(0.9, 0.8, 0.95), (0.9,)), "hd95_px": Cell(Interval(12.0, 10.0, 14.0), (12.0,))}
    return Line(name, cells={"straight": cells}, seen=10, megapixels=1.0, minutes=2.0, seconds=0.5, worse=0.1)


@pytest.fixture
def comparing(monkeypatch, call):
    def run(comparison, *words):
        monkeypatch.setattr("handbone.workflows.compare.compare", lambda *_, **__: comparison)
        return call("compare", "tiny", "-o", "out", *words)

    return run


def test_tables_have_their_titles_for_users(comparing):
    code, out, _ = comparing(compared(line("tiny")))
    assert code == 0 and "HD95 px" in out and "10.00 to 14.00" in out and "10.0 %" in out
    assert "(straight: 2 images of 2 patients)" in " ".join(out.split())
    assert "The table is in out/compare.md" in out.replace("\\", "/")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_recipe_that_failed_is_told_and_the_exit_code_is_1(comparing, as_json):
    both = compared(line("tiny"), Line("other", errors=("out of memory",)))
    code, out, _ = comparing(both, *(["--json"] if as_json else []))
    assert code == 1
    if as_json:
        rows = json.loads(out)["recipes"]
        assert [row["error"] for row in rows] == [None, "out of memory"] and rows[0]["straight_dice"] == 0.9
        assert rows[1]["straight_dice"] is None and len(pd.DataFrame(rows)) == 2
    else:
        assert "other failed: out of memory" in out


def test_a_run_that_cannot_begin_says_why(call, tmp_path):
    code, out, err = call("run", "tiny", "--set", "data.path=missing", "--no-such")
    assert code == 2 and out == ""
    code, out, err = call("run", "no_such_recipe", "--json")
    value = json.loads(out)
    assert code == 1 and value["error"].startswith("unknown recipe 'no_such_recipe'") and value["error"] in err
