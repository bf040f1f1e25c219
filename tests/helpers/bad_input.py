"""Bad input and the real command line: what a command must say of it, and what must not change."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli_small import main
from json_docs import undocumented

OUT = "out"
# Where a sentence goes on with what to do; several mistakes in one sentence say it of each.
_REMEDIES = ("; ", "choose one of", "did you mean", "should be", "must be", "are numbered")


@dataclass(frozen=True)
class Bad:
    """A kind of bad input.

    words: the command line, in a folder of its own; `{weights}` stands for small ones, `{refining}` for
    those with a refiner. make: puts the input there.
    says: what the one sentence must hold, whatever its case. code: the exit code.
    survives: a good radiograph beside it, whose result is written; without one the command makes nothing.
    has_json: whether the command has the option --json.
    """

    words: str
    make: Callable[[Path], object] = lambda folder: None
    says: tuple[str, ...] = ()
    code: int = 1
    survives: str | None = None
    has_json: bool = True


def content_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and every folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def complaints(value: dict[str, Any]) -> list[str]:
    """Every sentence in a command's JSON that says what went wrong."""
    kind = value["schema"].split("/")[0].removeprefix("handbone.")
    if kind == "error":
        return [value["error"]]
    if kind in ("predictions", "refinement", "measurements"):
        images = value["images"]
        return [text for i in images for text in (i.get("error"), *i.get("unwritten", {}).values()) if text]
    if kind in ("ensemble", "export"):
        return list(value["failed"].values())
    if kind == "data.check":
        return [f"{f['file']}: {f['message']}; {f['remedy']}" for f in value["findings"] if f["severity"] == "error"]
    if kind == "recipes.validate":
        return [problem["message"] for item in value["items"] for problem in item["problems"]]
    raise AssertionError(f"no complaint in {kind}")


def assert_said_once(bad: Bad, sentences: Iterable[str]) -> str:
    """The one sentence that is said; it names the thing and what to do about it."""
    told = list(sentences)
    assert len(told) == 1, told
    [sentence] = told
    assert "\n" not in sentence.strip() and len(sentence) < 700, sentence
    assert all(word.lower() in sentence.lower() for word in bad.says), (bad.says, sentence)
    return sentence


def try_out(
    bad: Bad,
    folder: Path,
    weights: Mapping[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run a command on bad input, for people and for programs, and hold it to what every command promises."""
    bad.make(folder)
    monkeypatch.chdir(folder)
    words = bad.words.format(**weights).split()
    before = content_of(folder)
    code, told = main(monkeypatch, *words), capsys.readouterr()
    _assert_left(bad, folder, before)
    assert "Traceback" not in told.err
    if not bad.has_json:
        [line] = [line.removeprefix("Error: ") for line in told.err.splitlines() if line.startswith("Error:")]
        assert code == bad.code and any(words in assert_said_once(bad, [line]) for words in _REMEDIES), told
        return
    json_code, answer = main(monkeypatch, *words, "--json"), capsys.readouterr()
    _assert_left(bad, folder, before)
    assert (code, json_code) == (bad.code, bad.code), (told, answer)
    assert "Traceback" not in answer.err
    value = json.loads(answer.out)
    assert undocumented(value) == []
    told_of = complaints(value)
    if value["schema"].startswith("handbone.data.check"):  # one mistake may concern several images
        told_of = [text for text in told_of if all(word.lower() in text.lower() for word in bad.says)][:1]
    sentence = assert_said_once(bad, told_of)
    assert bad.code == 2 or any(words in sentence for words in _REMEDIES), sentence
    if value["schema"] == "handbone.error/1":
        assert value["exit_code"] == bad.code and not bad.survives
        errors = [line for line in told.err.splitlines() if line.startswith("Error:")]
        assert bad.code == 2 or errors == [f"Error: {sentence}"], told
    elif not value["schema"].startswith("handbone.data.check"):  # which shows a table
        assert sentence in told.out + told.err


def _assert_left(bad: Bad, folder: Path, before: dict[str, bytes]) -> None:
    """What was there is there; nothing is new but results of what was good. These are taken away again."""
    after = content_of(folder)
    assert {name: after.get(name) for name in before} == before
    new = {name for name in after.keys() - before.keys() if name != OUT and not name.startswith(f"{OUT}/")}
    assert not new, new
    if bad.survives is None:
        assert after.keys() == before.keys()
        return
    results = [text for name, text in after.items() if name.endswith((".csv", ".json")) and name.startswith(OUT)]
    assert any(bad.survives.encode() in text for text in results), sorted(after)
    for path in sorted((folder / OUT).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / OUT).rmdir()
