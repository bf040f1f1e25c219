"""plugins/README.md against the code: every hook, argument and return, and nothing that does not exist."""

import ast
import dataclasses
import re
import sys
import types
from pathlib import Path

import pytest

from handbone.plugin_kit import contracts
from handbone.plugins import API_VERSION, checks, hooks
from handbone.plugins.specs import Spec

README = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def documented() -> dict[str, str]:
    """Each hook's heading to the text below it."""
    parts = re.split(r"^(#{2,3}) (.+)$", README, flags=re.MULTILINE)
    headings = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {title: text for level, title, text in headings if level == "###"}


def in_code() -> dict[str, tuple[dict[str, str], str]]:
    """Each hook to its arguments with their types, and what it returns, as they are written in hooks.py."""
    functions = [node for node in ast.parse(Path(hooks.__file__).read_text()).body if isinstance(node, ast.FunctionDef)]
    return {
        each.name: (
            {argument.arg: _plain(argument.annotation) for argument in each.args.args},
            _plain(each.returns),
        )
        for each in functions
    }


def _plain(annotation: ast.expr) -> str:
    return ast.unparse(annotation).strip("'")


def test_the_hooks_are_those_of_the_code():
    assert list(documented()) == list(in_code())


@pytest.mark.parametrize("hook", in_code())
def test_arguments_and_returns_are_those_of_the_code(hook):
    text = re.sub(r"```.*?```", "", documented()[hook], flags=re.DOTALL)
    arguments, returns = in_code()[hook]
    assert dict(re.findall(r"^- `(\w+): ([^`]+)`", text, re.MULTILINE)) == arguments
    assert re.findall(r"Returns `([^`]+)`", text) == [returns]
    assert hook in documented()[hook].split("```python")[1], "an example"


def test_what_specs_have_beyond_the_usual_is_named_where_they_are():
    usual = {field.name for field in dataclasses.fields(Spec)}
    for hook, spec in dict(checks.HOOK_OF_KIND.values()).items():
        own = {field.name for field in dataclasses.fields(spec)} - usual
        assert own <= set(re.findall(r"`(\w+)`", documented()[hook])), hook


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_examples_run(number, monkeypatch):
    # The package that `handbone plugins new handbone-mine` writes stands for the author's.
    monkeypatch.setitem(sys.modules, "handbone_mine", types.ModuleType("handbone_mine"))
    module = types.ModuleType(f"example_{number}")
    exec(compile(BLOCKS[number], f"plugins/README.md, python block {number + 1}", "exec"), module.__dict__)
    contents = checks.examine([module])
    if "@hookimpl" in BLOCKS[number]:
        assert contents.specs or contents.events


def test_names_of_the_contracts_and_of_the_new_package_are_right():
    from handbone.plugin_kit.new import PackageName, rendered

    named = set(re.findall(r"`(\w+Contract)`", README))
    assert named == {name for name in contracts.__all__ if name.endswith("Contract")} - {"Contract"}
    written = "".join(rendered(PackageName.of("handbone-mine")).values())
    for name in re.findall(r'name = "(mine_\w+)"', README):
        assert f'"{name}"' in written


def test_versions_and_packages_are_right():
    assert f"currently {API_VERSION}." in README and f"HANDBONE_API = {API_VERSION}" in README
    here = {path.parent.name for path in (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml")}
    assert set(re.findall(r"^\| \[([\w-]+)\]\(\1\)", README, re.MULTILINE)) == here
