"""What commands say in words at their end, and combinations of options that are wrong usage before any work."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from cli_small import draw_image, write_table

from handbone import cli
from handbone.core.errors import HandboneError
from handbone.plugin_kit.check import Check
from handbone.weights import sets


@pytest.fixture
def tables(tmp_path):
    for number in range(2):
        draw_image(tmp_path / "images" / f"{number}.png", number, (90, 90))
    for member in "ab":
        write_table(tmp_path / f"{member}.csv", ["0.png", "1.png"], seed=ord(member))
    return tmp_path


@pytest.mark.parametrize("fit", [False, True])
def test_an_ensemble_says_its_members_and_thresholds(say, tables, monkeypatch, fit):
    if fit:
        monkeypatch.setattr("handbone.workflows.ensemble.fit_thresholds", lambda *_: (np.full(29, 0.5), 7))
    words = ["ensemble", "a=a.csv", "b=b.csv", "-o", "joined", "--method", "vote"]
    code, out, err = say(*words, *(["--fit-thresholds"] if fit else []))
    assert code == 0, err
    assert "masks of 2 radiographs joined by vote: joined" in out and "Radiographs" in out
    assert ("thresholds from 7 images: 0.5 was best for every bone" in out) is fit


def test_measures_are_listed_with_all_that_is_known_of_them(say):
    code, out, _ = say("measure", "--list")
    items = json.loads(say("measure", "--list", "--json")[1])["items"]
    assert code == 0 and len(items) > 10 and all(f"\n{item['name']}  {item['title']}" in f"\n{out}" for item in items)
    assert "  Definition: " in out and "  Precision here: " in out


WRONG = {
    "measure": "give predictions or radiographs",
    "measure a.csv --mm-per-px 0": "--mm-per-px",
    "predict images -o out --mm-per-px 0.2": "give --measure, too",
    "refine --rle standard": "this says how the run lengths of --coarse are meant",
    "refine --invert yes": "--invert",
    "refine --run r --coarse a.csv --images images": "give either --run, or --coarse with --images",
    "refine --coarse a.csv": "--coarse and --images must be given together",
    "refine --images images": "--coarse and --images must be given together",
    "data check images --output page": "this option needs --labels",
    "data draw out --train 0": "train",
    "export a.csv -f labelme": "--output",
    "bench --threads 0": "--threads",
    "weights fetch https://example.org/a.zip": "--sha256",
}


@pytest.mark.parametrize("words", WRONG)
def test_options_that_do_not_go_together_are_wrong_usage(say, tables, words):
    code, out, err = say(*words.split())
    assert code == 2 and out == "" and WRONG[words] in " ".join(err.replace("│", " ").split())
    assert sorted(path.name for path in tables.iterdir()) == ["a.csv", "b.csv", "images"], "nothing was made"


def test_a_region_set_that_there_is_not_is_named_before_any_work(say, tables):
    code, _, err = say("measure", "a.csv", "--rois", "svdx", "-o", "out")
    assert code == 1 and "svdx" in err and "svdh" in err and not (tables / "out").exists()


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("failed", [False, True])
def test_checks_of_a_plugin_are_counted(say, monkeypatch, failed, as_json):
    checks = [Check("loss a", "passed", ()), Check("writer b", "failed" if failed else "left out", ("why",))]
    monkeypatch.setattr("handbone.plugin_kit.check.check", lambda what: iter(checks))
    code, out, _ = say("plugins", "check", "mine", *(["--json"] if as_json else []))
    assert code == int(failed)
    if as_json:
        assert json.loads(out)["ok"] is not failed and len(json.loads(out)["checks"]) == 2
    else:
        assert ("1 of 2 checks failed." if failed else "All 2 checks passed.") in out


def test_what_is_built_in_is_listed_and_a_broken_plugin_is_an_error_where_that_is_asked_for(say, monkeypatch):
    monkeypatch.setenv("HANDBONE_PLUGINS", "")
    code, out, _ = say("plugins", "list", "--all")
    assert code == 0 and "built in" in out and "losses: " in out
    monkeypatch.setattr("handbone.plugins.installed_plugins", lambda: SimpleNamespace(packages=(), problems=("bad",)))
    assert say("plugins", "list")[0] == 0
    monkeypatch.setenv("HANDBONE_STRICT_PLUGINS", "1")
    assert say("plugins", "list")[0] == 1


def test_damaged_weights_are_listed_as_such(say, monkeypatch, tmp_path):
    monkeypatch.setattr(sets, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "own" / "cache" / "weights" / "bad").mkdir(parents=True)
    (tmp_path / "own" / "cache" / "weights" / "bad" / "card.json").write_text("{")
    code, out, _ = say("weights", "list")
    assert code == 1 and out.split()[5:7] == ["bad", "damaged"]
    (item,) = json.loads(say("weights", "list", "--json")[1])["items"]
    assert item["name"] == "bad" and "card.json" in item["error"]


def test_fetched_weights_are_named_with_their_place(say, monkeypatch, tmp_path):
    got = SimpleNamespace(name="mine", folder=tmp_path / "cache" / "weights" / "mine")
    monkeypatch.setattr("handbone.weights.fetch", lambda source, **options: got)
    code, out, err = say("weights", "fetch", "a.zip", "--sha256", "0" * 64)
    assert code == 0 and out == f"mine  {got.folder}\n" and "handbone weights info mine" in err


def card(left_out):
    parity = SimpleNamespace(max_difference=0.000123, dice=0.999876)
    network = SimpleNamespace(sha256={"coarse.onnx": "0"}, input_shape=(1, 1, 64, 64), parity=parity)
    dumped = {"schema": "s/1"}
    return SimpleNamespace(networks={"coarse": network}, int8=None, left_out=left_out, model_dump=lambda **_: dumped)


@pytest.mark.parametrize("left_out", [(), ("prompt",)])
def test_an_exported_network_is_told_with_its_difference(say, monkeypatch, tmp_path, left_out):
    (tmp_path / "[out]").mkdir()
    (tmp_path / "[out]" / "coarse.onnx").write_bytes(bytes(1_500_000))
    monkeypatch.setattr("handbone.workflows.export_model.export_model", lambda *_, **__: card(left_out))
    code, out, err = say("export-model", "small", "-o", "[out]")
    row = next(line.split() for line in out.splitlines() if line.startswith("coarse"))
    assert code == 0 and row == ["coarse", *["1", "x", "1", "x", "64", "x", "64"], "1.5", "0.00012", "0.99988"]
    assert "handbone predict IMAGES --weights '[out]'" in out and ("Left out: the stage 'prompt'" in err) is bool(
        left_out
    )
    assert json.loads(say("export-model", "small", "-o", "[out]", "--json")[1]) == {"schema": "s/1"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("no", name="openpyxl"), "this needs openpyxl, which is not installed; pip install"),
        (ModuleNotFoundError("no", name="torch.nn"), "this needs torch, which is not installed"),
        (HandboneError("is cut", where="[a].png", remedy="copy it again"), "[a].png: is cut; copy it again"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_ends_a_command_is_one_sentence_and_one_value(say, monkeypatch, error, said, as_json):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("handbone.cli.recipes.load_recipe", fail)
    code, out, err = say("recipes", "show", "tiny", *(["--json"] if as_json else []))
    assert code == 1 and said in err
    assert json.loads(out)["error"].startswith(said) if as_json else out == ""


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("no", name="mine"), ValueError("a fault of ours"), OSError("without a number")]
)
def test_a_fault_of_ours_keeps_its_traceback(say, monkeypatch, capsys, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("handbone.cli.recipes.load_recipe", fail)
    with pytest.raises(type(error)):
        say("recipes", "show", "tiny")
    if isinstance(error, ValueError):
        capsys.readouterr()
        with pytest.raises(ValueError):
            say("recipes", "show", "tiny", "--json")
        assert json.loads(capsys.readouterr().out)["error"] == "ValueError: a fault of ours"
    assert cli.Told is not None
