"""`predict` with paths from anywhere: arguments, a list, standard input; what is wrong is said before any work."""

import io
import json
import sys
from types import SimpleNamespace

import pytest
from cli_small import draw_image

from handbone.method.settings import MethodSettings
from handbone.workflows.prediction_join import Summary


@pytest.fixture
def call(say, tmp_path, monkeypatch):
    """Runs `predict` up to its work; gives what `say` gives, and the keys and options that the work got."""
    for name in ("hands/a.png", "hands/p1/b.png", "more/c d.png", "[x].png"):
        draw_image(tmp_path / name, len(name))
    got = []

    def work(images, load, results, **options):
        got.append(([image.key for image in images], options))
        summary = Summary()
        summary.outcomes["outlined"] = len(images)
        summary.records = lambda folder: iter(())
        return summary

    monkeypatch.setattr("handbone.method.settings.read_settings", lambda weights: MethodSettings())
    monkeypatch.setattr("handbone.weights.find_weights", lambda weights: (None, None, None))
    monkeypatch.setattr("handbone.workflows.stored_results.prediction_fingerprint", lambda *_, **__: "f")
    monkeypatch.setattr("handbone.workflows.predict.predict_images", work)

    def run(*words, data=None):
        if data is not None:
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        code, out, err = say("predict", *words, "-o", "out")
        return SimpleNamespace(code=code, out=out, err=err, keys=got[-1][0] if got else None, got=got)

    return run


def test_arguments_and_a_list_are_one_set_of_paths(call, tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfmore/c d.png\r\n\r\nhands/p1/b.png\r\n")
    done = call("hands/a.png", "--from-file", "list.txt")
    assert done.code == 0 and done.keys == ["hands/a.png", "hands/p1/b.png", "more/c d.png"]
    assert call("hands", "--from-file", "list.txt").keys == done.keys, "an image that is given twice is one"


def test_standard_input_is_read_as_a_list(call):
    assert call("--from-file", "-", data=b"hands\n[x].png\n").keys == ["[x].png", "hands/a.png", "hands/p1/b.png"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "-: the list is empty; write one path per line"),
        (b"\n\r\n", "-: the list is empty"),
        (b"hands\nmissing\x1b[31m.png\n", r"-: no such file or folder: line 2: missing\x1b[31m.png; correct or remove"),
        (b"a\nb\nhands\nc\nd\n", "line 1: a, line 2: b, line 4: c and 1 more"),
        (b"hands\0", "-: the list has a zero byte"),
    ],
)
def test_a_list_that_is_wrong_names_its_lines_before_any_work(call, tmp_path, data, words):
    done = call("--from-file", "-", "--json", data=data)
    value = json.loads(done.out)
    assert done.code == 1 and words in done.err and value["where"] == "-" and value["exit_code"] == 1
    assert done.got == [] and not (tmp_path / "out").exists()


def test_a_list_that_is_a_folder_or_not_there_says_so(call):
    assert (
        "nowhere: the list cannot be read (No such file or directory); check the path"
        in call("--from-file", "nowhere").err
    )
    assert "hands: the list cannot be read (Is a directory)" in call("--from-file", "hands").err


def test_no_path_at_all_is_wrong_usage(call):
    done = call()
    assert done.code == 2 and "give image files or folders, or a list of them with --from-file" in " ".join(
        done.err.replace("│", " ").split()
    )


def test_what_is_passed_over_is_told_to_people_and_programs(call, tmp_path):
    (tmp_path / "hands" / "note[b].txt").write_text("x")
    (tmp_path / "hands" / ".hidden").write_text("x")
    done = call("hands")
    told = sorted(line for line in done.err.splitlines() if line.startswith("Ignored: "))
    assert told == ["Ignored: 1 hidden or system file", "Ignored: 1 other file (.txt)"]
    value = json.loads(call("hands", "--json").out)
    assert sorted(each["kind"] for each in value["passed_over"]) == ["hidden or system files", "other files"]


def test_options_reach_the_work_and_the_record(call):
    words = ("--threshold", "0.35", "--no-flip-tta", "--views", "none", "--invert", "yes", "--max-pixels", "99")
    done = call("hands", *words, "--no-page", "--hands", "all", "--json")
    options, value = done.got[-1][1], json.loads(done.out)
    assert options["max_pixels"] == 99 and options["invert"] == "yes" and options["hands"] == "all"
    assert options["extras"].page is False and options["overwrite"] is False and options["shard"] is None
    assert (value["threshold"], value["flip_tta"], value["views"], value["tta"]) == (0.35, False, [], False)
    assert value["hands"] == "all" and value["second_stage"] is False
    assert json.loads(call("hands", "--tta", "--json").out)["views"] == ["turned"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threshold", "0"), "--threshold"),
        (("--threshold", "1"), "--threshold"),
        (("--max-pixels", "0"), "--max-pixels"),
        (("--mm-per-px", "11", "--measure"), "--mm-per-px"),
        (("--mm-per-px", "0.1"), "give --measure, too"),
        (("--hands", "both"), "--hands"),
        (("--invert", "maybe"), "--invert"),
        (("--runtime", "tensorflow"), "--runtime"),
    ],
)
def test_values_out_of_range_are_wrong_usage_before_any_work(call, words, said):
    done = call("hands", *words)
    assert done.code == 2 and said in " ".join(done.err.replace("│", " ").split()) and done.got == []


@pytest.mark.parametrize(
    ("outcomes", "shard", "code"),
    [({"outlined": 1}, None, 0), ({"no_hand": 2}, None, 1), ({}, None, 1), ({"no_hand": 2}, "1/1", 0), ({}, "1/1", 0)],
)
def test_the_exit_code_is_0_where_a_hand_was_outlined_or_a_part_had_none(call, monkeypatch, outcomes, shard, code):
    summary = Summary()
    summary.outcomes.update(outcomes)
    summary.records = lambda folder: iter(())
    monkeypatch.setattr("handbone.workflows.predict.predict_images", lambda *_, **__: summary)
    assert call("hands", *(["--shard", shard] if shard else [])).code == code
    summary.unwritten = 1
    assert call("hands", *(["--shard", shard] if shard else [])).code == 1, "an image that a format lacks is not all"
