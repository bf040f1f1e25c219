"""Every public name says what it is for, and which errors it raises."""

import ast
import inspect
import textwrap

import api_reference
import pytest

import handbone
from handbone.core import errors

ERRORS = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}
# What reads files, names or numbers that people give: each may be refused, also by what it calls.
REFUSING = {
    *("load", "Segmenter.predict", "Segmenter.predict_hands", "Segmenter.predict_many", "Prediction.write", "write"),
    *("read_radiograph", "draw_hand", "run", "evaluate", "Measurements.__getitem__"),
}


def functions():
    """Name and syntax tree of every function and method that the reference shows."""
    for shown in api_reference.SHOWN:
        node = ast.parse(textwrap.dedent(inspect.getsource(shown))).body[0]
        if isinstance(node, ast.FunctionDef):
            yield shown.__name__, node
            continue
        assert ast.get_docstring(node), shown
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and (member.name == "__getitem__" or member.name[0] != "_"):
                yield f"{shown.__name__}.{member.name}", member


FUNCTIONS = dict(functions())


def test_every_name_of_the_package_is_in_the_reference():
    shown = {each.__name__ for each in api_reference.SHOWN}
    assert set(handbone.__all__) - shown == {"BONES", "HandboneError", "__version__"}
    assert set(FUNCTIONS) >= REFUSING


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_names_what_is_raised(name):
    function = FUNCTIONS[name]
    text = ast.get_docstring(function) or ""
    assert text, "there is no docstring"
    assert name not in REFUSING or "Raises\n------\n" in text
    for raised in ast.walk(function):
        if isinstance(raised, ast.Raise) and isinstance(raised.exc, ast.Call):
            kind = ERRORS[ast.unparse(raised.exc.func)]
            assert any(base.__name__ in text for base in kind.__mro__ if base.__name__ in ERRORS), kind


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"variety": "diverce"}, "unknown variety 'diverce'; did you mean 'diverse'"),
        ({"looks": "held-out"}, "unknown looks 'held-out'; did you mean 'held_out'"),
        ({"side": "l"}, "unknown side 'l'"),
        ({"size": 4}, "a hand of 4 pixels cannot be drawn; give a size of 16 or more"),
        ({"seed": -1}, "the seed -1 is negative; give 0 or more"),
    ],
)
def test_a_hand_that_cannot_be_drawn_is_refused_in_a_sentence(wrong, said):
    with pytest.raises(handbone.HandboneError) as caught:
        handbone.draw_hand(**{"seed": 1, **wrong})
    assert said in str(caught.value)
