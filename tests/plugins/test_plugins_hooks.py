"""The hooks' own documentation is compared with the hooks."""

import ast
import doctest
import inspect
import re

import pytest

from handbone.plugins import hooks, specs
from handbone.plugins.checks import HOOK_OF_KIND

HOOKS = {name: hook for name, hook in vars(hooks).items() if hasattr(hook, f"{hooks.GROUP}_spec")}
REGISTRATIONS = dict(HOOK_OF_KIND.values())


def example(hook) -> ast.FunctionDef:
    """The function in a hook's example."""
    [code] = [found.source for found in doctest.DocTestParser().get_examples(inspect.getdoc(hook))]
    [function] = ast.parse(code).body
    return function


def test_every_kind_of_spec_has_its_hook():
    assert set(REGISTRATIONS) == {name for name, hook in HOOKS.items() if not inspect.signature(hook).parameters}
    known = {spec for spec in vars(specs).values() if isinstance(spec, type) and issubclass(spec, specs.Spec)}
    assert set(REGISTRATIONS.values()) == known - {specs.Spec}
    assert all(spec.kind == kind for kind, (_, spec) in HOOK_OF_KIND.items())


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_an_example_that_keeps_to_it(name):
    function = example(HOOKS[name])
    assert function.name == name
    assert [ast.unparse(mark) for mark in function.decorator_list] == ["hookimpl"]
    assert {argument.arg for argument in function.args.args} <= set(inspect.signature(HOOKS[name]).parameters)


@pytest.mark.parametrize("name", HOOKS)
def test_every_argument_is_spoken_of(name):
    told = set(re.findall(r"`(\w+)`", inspect.getdoc(HOOKS[name])))
    assert set(inspect.signature(HOOKS[name]).parameters) <= told


@pytest.mark.parametrize("name", HOOKS)
def test_every_return_is_told_and_shown(name):
    returns = inspect.signature(HOOKS[name]).return_annotation
    if name not in REGISTRATIONS:
        assert returns is None
        return
    wanted = REGISTRATIONS[name]
    assert returns == list[wanted]
    calls = [node for node in ast.walk(example(HOOKS[name])) if isinstance(node, ast.Call)]
    [made] = [call for call in calls if ast.unparse(call.func) == wanted.__name__]
    assert {"name", "summary", "build"} <= {keyword.arg for keyword in made.keywords}
    fields = inspect.signature(wanted).parameters
    assert {keyword.arg for keyword in made.keywords} <= set(fields)
