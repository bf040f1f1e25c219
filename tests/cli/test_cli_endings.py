"""How every command ends: Ctrl-C, mishaps of the system, a reader that has left, and one JSON value in each case."""

import errno
import io
import json
import sys

import pytest
import typer
from cli_small import draw_image, main, save_seeing, write_table

from handbone import cli
from handbone.cli import sharding
from handbone.core.errors import HandboneError

# Of each command that works on radiographs what does its work, with words that come as far.
WORK = {
    "predict images -w weights.safetensors -o out": "handbone.workflows.predict.predict_images",
    "predict images -w weights.safetensors -o out --shard 1/1": "handbone.workflows.predict.predict_images",
    "refine --coarse a.csv --images images -o out": "handbone.workflows.refine.refine_predictions",
    "adapt images -w weights.safetensors -o out": "handbone.workflows.adapt.run.adapt",
    "run tiny -o out": "handbone.runs.engine.Run.execute",
    "compare tiny -o out": "handbone.workflows.compare.compare",
    "ensemble a.csv b.csv -o out": "handbone.workflows.ensemble.join_members",
    "evaluate a.csv --truth b.csv --images images -o out": "handbone.workflows.evaluate.Comparison.work",
    "measure a.csv --images images -o out": "handbone.workflows.measure.measure_images",
    "export a.csv -f png --images images -o out": "handbone.workflows.export.export_masks",
    "bench": "handbone.workflows.bench.bench",
    "export-model zero_shot -o out": "handbone.workflows.export_model.export_model",
    "data diff a.csv b.csv --images images": "handbone.workflows.label_diff.diff_labels",
}
#: Those that the same command goes on with.
RESUMED = ("predict", "adapt", "run", "compare", "refine")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for number in range(2):
        draw_image(folder / "images" / f"{number}.png", number, (90, 90))
    for member in "ab":
        write_table(folder / f"{member}.csv", ["0.png", "1.png"], seed=ord(member))
    save_seeing(folder / "weights.safetensors", bones=[0])
    return folder


@pytest.fixture
def call(say, files, monkeypatch):
    """As `say`, where the files lie."""
    monkeypatch.chdir(files)
    # Loading is not what is tested here.
    monkeypatch.setattr("handbone.method.two_stage.TwoStage.from_path", _method)
    return say


def _method(weights, **_):
    from types import SimpleNamespace

    from handbone.method.settings import MethodSettings

    settings = MethodSettings(refiner={"random_rois": True})
    return SimpleNamespace(
        settings=settings, prompter=None, refine_stage="", threshold=0.5, for_bones=lambda bones: None
    )


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.fixture(autouse=True)
def _replaceable(monkeypatch):
    """The method of refine as it is: `dataclasses.replace` takes no other."""
    monkeypatch.setattr("handbone.cli.refine._prompting", lambda method, classes, sam: method)


@pytest.mark.parametrize("words", WORK)
def test_ctrl_c_ends_every_command_with_130_and_what_to_do(call, files, monkeypatch, words):
    monkeypatch.setattr(WORK[words], raising(KeyboardInterrupt))
    code, out, err = call(*words.split())
    goes_on = words.split()[0] in RESUMED
    said = f"Stopped. Run the same command to {'continue' if goes_on else 'start again'}."
    assert (code, out) == (130, "") and err.splitlines()[-1] == said
    code, out, err = call(*words.split(), "--json")
    value = json.loads(out)
    assert code == 130 and value["error"] == "interrupted before the end" and value["exit_code"] == 130
    assert err.splitlines()[-1] == said
    assert not (files / "out" / "predictions.csv").exists()


@pytest.mark.parametrize("words", WORK)
def test_a_full_disk_ends_every_command_with_the_file_and_what_to_do(call, monkeypatch, words):
    monkeypatch.setattr(WORK[words], raising(OSError(errno.ENOSPC, "No space left on device", "out/[x].csv")))
    sentence = "out/[x].csv: No space left on device; free disk space or check permissions, and run the same command"
    code, out, err = call(*words.split())
    assert (code, out) == (1, "") and f"Error: {sentence} again" in err and "Traceback" not in err
    value = json.loads(call(*words.split(), "--json")[1])
    assert value == {
        **{"schema": "handbone.error/1", "error": f"{sentence} again", "where": None, "remedy": None, "exit_code": 1}
    }


def test_where_and_remedy_of_an_error_are_values_of_their_own(call, monkeypatch):
    error = HandboneError("is cut", where="a [b].png", remedy="copy it again")
    monkeypatch.setattr(WORK["bench"], raising(error))
    value = json.loads(call("bench", "--json")[1])
    assert (value["where"], value["remedy"]) == ("a [b].png", "copy it again")
    assert value["error"] == "a [b].png: is cut; copy it again"


def test_a_file_without_a_name_has_no_place_in_the_sentence(call, monkeypatch):
    monkeypatch.setattr(WORK["bench"], raising(OSError(errno.EIO, "Input/output error")))
    assert "Error: Input/output error; free disk space" in call("bench")[2]


def test_a_reader_that_has_left_is_no_full_disk(monkeypatch):
    monkeypatch.setattr(cli, "app", raising(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    monkeypatch.setattr(sys, "argv", ["handbone"])
    with pytest.raises(BrokenPipeError):
        cli.main()


@pytest.mark.parametrize(("code", "error"), [(1, "the command did not succeed completely"), (3, "the command did not")])
def test_a_command_that_ends_without_a_value_gives_an_error_as_one(say, monkeypatch, code, error):
    def end(*_, **__):
        raise typer.Exit(code)

    monkeypatch.setattr("handbone.cli.recipes.load_recipe", end)
    found, out, _ = say("recipes", "show", "tiny", "--json")
    value = json.loads(out)
    assert found == code == value["exit_code"] and value["error"].startswith(error)
    found, out, _ = say("recipes", "show", "tiny")
    assert (found, out) == (code, "")


def test_streams_of_other_programs_are_used_as_they_are(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert main(monkeypatch, "--version") == 0 and out.getvalue().startswith("handbone ")


def test_names_that_are_no_text_do_not_end_a_command(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    monkeypatch.setattr("handbone.cli.recipes.to_toml", lambda recipe: 'summary = "손 \udce9"\n')
    assert main(monkeypatch, "recipes", "show", "tiny", "--toml") == 0
    sys.stdout.flush()
    assert raw.getvalue() == rb'summary = "\uc190 \udce9"' + b"\n"


SHARDED = {
    "predict": "predict images -w weights.safetensors -o out",
    "refine": "refine --coarse a.csv --images images -o out",
    "ensemble": "ensemble a.csv b.csv -o out",
    "evaluate": "evaluate a.csv --truth b.csv -o out",
    "measure": "measure a.csv -o out",
}


@pytest.mark.parametrize("command", SHARDED)
def test_a_part_and_a_join_are_two_commands_everywhere(call, files, command):
    before = sorted(files.iterdir())
    code, out, err = call(*SHARDED[command].split(), "--shard", "1/2", "--join")
    assert (code, out) == (2, "") and "first run every shard, then --join alone" in " ".join(err.split())
    for word in ("0/2", "3/2", "1", "1/2/3", "a/b", "-1/2", ""):
        code, out, err = call(*SHARDED[command].split(), "--shard", word)
        assert (code, out) == (1, "") and f"--shard: {word!r} is no part of the work; write i/n" in err
    assert sorted(files.iterdir()) == before, "nothing was made"


@pytest.mark.parametrize("command", SHARDED)
def test_a_join_without_shards_says_what_to_run_first(call, files, command):
    code, out, _ = call(*SHARDED[command].split(), "--join", "--json")
    value = json.loads(out)
    assert code == 1 and "there are no shards; first run the command with --shard 1/n to --shard n/n" in value["error"]
    assert value["where"].endswith("out.shards") and not (files / "out").exists()


@pytest.mark.parametrize("command", SHARDED)
def test_workers_and_clusters_that_are_none_are_refused_before_any_work(call, files, command):
    words = SHARDED[command].split()
    assert call(*words, "--workers", "0")[0] == 2 and call(*words, "--workers", "two")[0] == 2
    code, out, _ = call(*words, "--cluster", "nowhere", "--json")
    value = json.loads(out)
    assert code in (1, 2) and value["exit_code"] == code and "cluster" in value["error"]
    assert not (files / "out").exists()


def test_a_part_writes_its_own_folder_and_record_alone(tmp_path):
    whole = sharding.Division.parse("measure", tmp_path / "out", None, join=False)
    assert whole.part is None and whole.names(["a", "b"]) == ["a", "b"] and whole.shards([], {}) == []
    assert whole.results(lambda folder: folder) == tmp_path / "out"
    part = sharding.Division.parse("measure", tmp_path / "out", "2/3", join=False)
    assert part.names(["a", "b"]) == ["shard.json"] and part.shards([], {}) == []
    place = part.results(lambda folder: pytest.fail("the whole is not written")).place
    assert place.path == tmp_path / "out.shards" / "shard-2-of-3"


@pytest.mark.parametrize("failed", [0, 1, 7])
def test_a_part_counts_what_it_did_and_names_the_first_failures(tmp_path, capsys, monkeypatch, failed):
    from handbone.workflows import divided
    from handbone.workflows.tasks import here

    part = sharding.Division.parse("measure", tmp_path / "out", "2/3", join=False)
    images = [{"name": f"{n}.png", "error": f"[b]{n}.png: cut" if n < failed else None} for n in range(9)]
    record = {"schema": "handbone.shard/1", "shard": "2/3", "images": images}
    monkeypatch.setattr(divided, "keep_shard", lambda *_, **__: record)
    results = part.results(None)

    def do(**more):
        part.do(None, results, [], {}, overwrite=False, crew=here, **more)

    if failed:
        with pytest.raises(typer.Exit) as end:
            do(as_json=False)
        assert end.value.exit_code == 1
    else:
        do(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [f"failed [b]{n}.png: cut" for n in range(min(failed, 5))], "shard.json has all"
    assert lines[-1] == f"shard 2/3: {9 - failed} of 9 radiographs done: {results.place.path}"
    try:
        do(as_json=True)
    except typer.Exit:
        assert failed
    assert json.loads(capsys.readouterr().out) == record
