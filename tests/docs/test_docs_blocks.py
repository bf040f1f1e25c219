"""What the documents tell users to type is right: commands parse, recipes validate, Python compiles."""

import re
import shlex

import pytest
import typer
from docs_blocks import PROSE, READABLE, ROOT, blocks, sentences

from handbone.cli import app
from handbone.recipe.class_map import ClassMap
from handbone.recipe.load import load_recipe


def _commands():
    """Each `handbone ...` of the shell blocks as its words, with its place."""
    for block in blocks("bash", "sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            for part in line.split(" && "):
                words = shlex.split(part, comments=True)
                if words and words[0].rsplit("/", 1)[-1] == "handbone":
                    yield pytest.param(words[1:], id=f"{block.place} {' '.join(words[1:4])}")


def _parse(words):
    """Parse a command line down to its last command without running it."""
    command, name, parent = typer.main.get_command(app), "handbone", None
    while True:
        context = command.make_context(name, words, parent=parent)
        if not hasattr(command, "resolve_command"):
            return context
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        if command.__class__.__name__ == "LazyCommand":
            command = command._real()
        parent = context


@pytest.mark.parametrize("words", list(_commands()))
def test_a_command_line_parses(words, monkeypatch):
    monkeypatch.setenv("HANDBONE_PLUGINS", "")  # also taken back after --no-plugins
    _parse(words)


@pytest.mark.parametrize("words", [["export"], ["predict", "a.png", "--no-such"], ["recipes", "lst"], ["prdict", "a"]])
def test_a_wrong_command_line_does_not_parse(words, monkeypatch):
    monkeypatch.setenv("HANDBONE_PLUGINS", "")
    with pytest.raises(Exception, match=r"(?i)missing (argument|parameter)|no such"):
        _parse(words)


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.place)
def test_a_recipe_or_class_map_validates(block, tmp_path):
    path = tmp_path / "shown.toml"
    path.write_text(block.text, encoding="utf-8")
    read = ClassMap.load if "\n[classes]" in block.text else load_recipe
    read(path)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.place)
def test_python_compiles(block):
    compile(block.text, block.place, "exec")


def test_no_block_goes_unchecked():
    prose = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PROSE}
    checked = [block for block in blocks("bash", "toml", "python") if block.place.split(":")[0] in prose]
    assert 2 * len(checked) == sum(text.count("\n```") for text in prose.values())
    assert len(list(_commands())) >= 30


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_sentences_are_short(path):
    long = [sentence for sentence in sentences(path.read_text(encoding="utf-8")) if len(sentence.split()) > 25]
    assert not long


def test_the_readme_is_short_and_shows_an_image_first():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert text.startswith("![")
    assert text.count("medical device") == 1


def test_links_between_documents_lead_somewhere():
    for path in PROSE:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
