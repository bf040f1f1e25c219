"""`--shard i/n` and `--join` of `measure`, `evaluate`, `ensemble` and `refine`: what one command would have written."""

import json
import os
import shutil
from datetime import datetime
from types import SimpleNamespace

import pytest
from evaluate_toys import masks_of, shifted, write_hands, write_table
from json_docs import undocumented
from test_cli_refine_again import call as refine
from test_cli_refine_again import content, home  # noqa: F401
from typer.testing import CliRunner

from handbone.cli import app
from handbone.report import page as report
from handbone.workflows.shards import Shard

N = 3  # shards; with the four hands' names one has none of them


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Labelled hands, and two tables of masks: one that lacks bones, one with rows that cannot be read."""
    folder = tmp_path_factory.mktemp("shards")
    write_hands(folder / "hands")
    lacking = shifted((2, 1)) | {"a_R.png": masks_of("ID001/a_R.png", without=("Pisiform", "Lunate"))}
    write_table(folder / "ours.csv", lacking)
    theirs = write_table(folder / "theirs.csv", shifted((0, 1)))
    lines = theirs.read_text().splitlines()
    broken = next(number for number, line in enumerate(lines) if line.startswith("c_R.png,finger-2,"))
    lines[broken] = "c_R.png,finger-2,5 x"
    theirs.write_text("\n".join(lines) + "\n")
    return folder


COMMANDS = {
    "measure": ("theirs.csv", "--images", "hands", "--rois", "svdh"),
    "evaluate": (
        *("ours.csv", "--truth", "hands", "--against", "theirs.csv", "--measures"),
        *("--tolerance", "0.5mm", "--mm-per-px", "0.25"),
    ),
    "ensemble": ("ours.csv", "theirs.csv", "--images", "hands", "--set", "at_least=0.4", "--method", "vote"),
}


def call(command, place, out, *more):
    words = [str(place / word) if (place / word).exists() else word for word in COMMANDS[command]]
    return CliRunner().invoke(app, [command, *words, "-o", str(out), *map(str, more)])


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=[pytest.mark.slow] * (name != "ensemble")) for name in COMMANDS]
)
def test_shards_joined_are_byte_for_byte_what_one_command_writes(command, place, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "datetime", SimpleNamespace(now=lambda zone: datetime(2026, 1, 1, tzinfo=zone)))
    straight = call(command, place, tmp_path / "straight", "--json")
    assert straight.exit_code == 1, "one image cannot be read"
    done = [call(command, place, tmp_path / "out", "--shard", f"{n}/{N}", "--json") for n in (3, 1, 2)]
    records = [json.loads(each.stdout) for each in done]
    assert [each.exit_code for each in done] == [int(any(i["error"] for i in r["images"])) for r in records]
    assert sum(each.exit_code for each in done) == 1 and not (tmp_path / "out").exists()
    assert sum(len(record["images"]) for record in records) == 4 and not any(map(undocumented, records))
    joined = call(command, place, tmp_path / "out", "--join", "--json")
    assert (joined.exit_code, joined.stdout) == (1, straight.stdout)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "straight")


def test_missing_changed_and_other_shards_are_named(place, tmp_path):
    def say(*words):
        return str(call("ensemble", place, tmp_path / "out", *words).exception)

    assert "there are no shards" in say("--join")
    for number in (1, 2):
        told = call("ensemble", place, tmp_path / "out", "--shard", f"{number}/{N}").output
        assert f"shard {number}/{N}: " in told and "radiographs done" in told
    assert "missing: 3 of 3" in say("--join")
    assert "already contains a finished shard" in say("--shard", f"1/{N}")
    call("ensemble", place, tmp_path / "out", "--shard", f"3/{N}", "--missing", "skip")
    assert "made with other settings or weights: 3 of 3" in say("--join")
    call("ensemble", place, tmp_path / "out", "--shard", f"3/{N}", "--overwrite")
    shard = Shard.of_key("b_R.png", N).folder(tmp_path / "out")
    os.truncate(shard / "records" / "b_R.png.json", 5)
    assert "the result of b_R.png is gone, or was changed" in say("--join") and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_file_that_a_shard_made_must_be_as_it_was(place, tmp_path):
    for number in range(1, N + 1):
        call("measure", place, tmp_path / "out", "--shard", f"{number}/{N}")
    shutil.rmtree(Shard.of_key("a_R.png", N).folder(tmp_path / "out") / "lines")
    assert "lines/a_R.png is gone, or was changed" in str(call("measure", place, tmp_path / "out", "--join").exception)


def test_radiographs_are_not_outlined_in_shards_of_measure(place, tmp_path):
    done = CliRunner().invoke(app, ["measure", str(place / "hands"), "-o", str(tmp_path / "out"), "--shard", "1/2"])
    assert "handbone predict --shard" in str(done.exception)


@pytest.mark.usefixtures("one_thread")
def test_refined_shards_joined_are_what_one_command_writes(home, tmp_path):  # noqa: F811
    straight = tmp_path / "straight"
    cut = home / "images" / "d.png"
    cut.write_bytes((home / "images" / "a.png").read_bytes()[:99])
    table = (home / "theirs.csv").read_text()
    rows = [line.replace("a.png", "d.png", 1) for line in table.splitlines() if line.startswith("a.png")]
    (home / "theirs.csv").write_text(table + "\n".join(rows) + "\n")
    try:
        assert refine(home, straight).exit_code == 1, "one image is cut"
        codes = [refine(home, tmp_path / "out", "--shard", f"{n}/2").exit_code for n in (2, 1)]
        assert sorted(codes) == [0, 1]
        assert refine(home, tmp_path / "out", "--join").exit_code == 1
    finally:
        cut.unlink()
        (home / "theirs.csv").write_text(table)
    assert content(tmp_path / "out") == content(straight)
    assert "1 images that are not there any more" in str(refine(home, tmp_path / "out", "--join").exception)
