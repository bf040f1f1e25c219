"""`handbone weights fetch`, `pack` and `info` with real files: digests, names, and what is left after a refusal."""

import json

import pytest
from cli_small import save_seeing
from weights_small import zip_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A coarse network and nothing else; module-wide, as torch has to build it."""
    return save_seeing(tmp_path_factory.mktemp("made") / "coarse.safetensors", bones=[0])


@pytest.fixture
def packed(say, made, tmp_path, monkeypatch):
    """A packed set with its .zip and digest, on a machine without any weights."""
    monkeypatch.setattr("handbone.weights.sets.SHIPPED", tmp_path / "shipped")
    code, out, err = say("weights", "pack", made, tmp_path / "set", "--name", "small", "--summary", "For [tests].")
    assert code == 0 and out.endswith(f"MB  {tmp_path / 'set'}\n"), err
    return zip_folder(tmp_path / "set", tmp_path / "small.zip", prefix="small/")


def fetched(tmp_path):
    folder = tmp_path / "own" / "cache" / "weights"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_set_is_fetched_under_its_name_or_another_and_then_listed(say, packed, tmp_path):
    source, digest = packed
    code, out, err = say("weights", "fetch", source, "--sha256", digest)
    assert code == 0 and out == f"small  {tmp_path / 'own/cache/weights/small'}\n"
    assert "handbone weights info small" in err
    assert say("weights", "fetch", source, "--sha256", digest.upper(), "--name", "other")[0] == 0
    items = json.loads(say("weights", "list", "--json")[1])["items"]
    assert {item["name"]: item["origin"] for item in items} == {"other": "fetched", "small": "fetched"}
    code, out, _ = say("weights", "info", "small")
    assert code == 0 and "For [tests]." in out and "matches the card" in out


def test_another_digest_than_the_published_one_leaves_nothing(say, packed, tmp_path):
    source, digest = packed
    code, out, err = say("weights", "fetch", source, "--sha256", "0" * 64)
    assert code == 1 and out == "" and "small.zip: " in err and digest[:8] in err
    assert fetched(tmp_path) == []


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64, "0" * 63])
def test_what_is_no_digest_is_refused_before_anything_is_read(say, packed, tmp_path, digest):
    code, out, err = say("weights", "fetch", packed[0], "--sha256", digest)
    assert (code, out) == (1, "") and fetched(tmp_path) == []
    assert f"{digest!r} is not a SHA-256 digest; give the publisher's 64 hexadecimal digits" in err


@pytest.mark.parametrize("name", ["../evil", "Upper", "coarse", "a/b", "", "x" * 65])
def test_a_name_that_no_set_may_have_is_refused(say, packed, tmp_path, name):
    source, digest = packed
    code, out, err = say("weights", "fetch", source, "--sha256", digest, "--name", name)
    assert code == 1 and out == "" and "is not a valid name for weights" in err
    assert fetched(tmp_path) == [] and not (tmp_path / "own" / "cache" / "evil").exists()


def test_weights_of_one_name_are_replaced_only_when_that_is_asked_for(say, packed, tmp_path):
    source, digest = packed
    words = ("weights", "fetch", source, "--sha256", digest)
    assert say(*words)[0] == 0
    code, _, err = say(*words)
    assert code == 1 and "--overwrite" in err
    assert say(*words, "--overwrite")[0] == 0 and fetched(tmp_path) == ["small"]


@pytest.mark.parametrize("source", ["missing.zip", "http://example.org/a.zip"])
def test_a_source_that_cannot_be_fetched_says_why(say, packed, tmp_path, source):
    code, out, err = say("weights", "fetch", source, "--sha256", "0" * 64)
    assert code == 1 and out == "" and source in err and fetched(tmp_path) == []


def test_a_set_is_not_packed_over_what_is_there(say, packed, made, tmp_path):
    words = ("weights", "pack", made, tmp_path / "set", "--name", "small")
    code, _, err = say(*words)
    assert code == 1 and "--overwrite" in err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    code, _, err = say("weights", "pack", made, tmp_path / "mine", "--name", "small", "--overwrite")
    assert code == 1 and (tmp_path / "mine" / "notes.txt").read_text() == "mine", "what others made stays"
    assert say(*words, "--overwrite")[0] == 0


@pytest.mark.parametrize("verb", ["info", "pack"])
def test_weights_that_there_are_not_are_named_with_those_that_there_are(say, packed, tmp_path, verb):
    source, digest = packed
    say("weights", "fetch", source, "--sha256", digest)
    words = ("out", "--name", "x") if verb == "pack" else ()
    code, out, err = say("weights", verb, "smal", *words)
    assert (code, out) == (1, "") and "smal: no such file or folder, and no weights of that name" in err
    assert "did you mean 'small'?" in err


def test_a_folder_of_weights_and_a_run_are_shown_file_by_file(say, made, tmp_path):
    folder = tmp_path / "run" / "weights"
    folder.mkdir(parents=True)
    (folder / "coarse.safetensors").write_bytes(made.read_bytes())
    value = json.loads(say("weights", "info", tmp_path / "run", "--json")[1])
    assert [file["path"] for file in value["files"]] == [str(folder / "coarse.safetensors")]
    code, out, _ = say("weights", "info", folder)
    assert code == 0 and out.splitlines()[0] == str(folder / "coarse.safetensors")
