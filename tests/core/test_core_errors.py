"""Errors as sentences, and on their way to other processes."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbone.core.errors import HandboneError, ShapeError, UnknownNameError, shortened, suggest

WORDS = st.text(max_size=12)
ERRORS = [
    HandboneError("a"),
    HandboneError("a", where="b.toml, line 3"),
    HandboneError("a", where=Path("dir/b.toml"), remedy="c"),
    HandboneError("", remedy="c"),
    UnknownNameError("bone", "Lunatic", ["Lunate", "Ulna"], where="x", absent=["tools"]),
    ShapeError("masks", "(29, H, W)", (3, 4)),
]


@pytest.mark.parametrize(
    ("where", "remedy", "sentence"),
    [
        (None, None, "what"),
        ("a.toml", None, "a.toml: what"),
        (None, "do it", "what; do it"),
        (Path("d/a.toml"), "do it", "d/a.toml: what; do it"),
        ("", "", "what"),
    ],
)
def test_a_sentence_leaves_out_what_is_not_said(where, remedy, sentence):
    assert str(HandboneError("what", where=where, remedy=remedy)) == sentence


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_an_error_is_copied_with_all_it_says(error):
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error) and str(again) == str(error)
        assert (again.what, again.where, again.remedy) == (error.what, error.where, error.remedy)


def _fail(number):
    raise ERRORS[number]


@pytest.mark.slow
def test_an_error_comes_out_of_a_worker_as_it_went_in():
    with ProcessPoolExecutor(1) as pool:
        for number, error in enumerate(ERRORS):
            with pytest.raises(type(error)) as raised:
                pool.submit(_fail, number).result()
            assert str(raised.value) == str(error)


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("epoch", ["epochs", "batch"], "did you mean 'epochs'?"),
        ("CAPITATE", ["Capitate", "Hamate"], "did you mean 'Capitate'?"),
        ("zzz", ["b", "a", "b"], "choose one of: a, b"),
        ("zzz", [], "none are available"),
        ("", ["a"], "choose one of: a"),
    ],
)
def test_a_suggestion_is_the_nearest_name_or_all_that_there_are(name, known, words):
    assert suggest(name, known) == words
    assert UnknownNameError("thing", name, known).remedy == words


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_a_suggested_name_exists(known, name):
    found = suggest(name, known)
    if found.startswith("did you mean "):
        assert found.removeprefix("did you mean ").removesuffix("?") in {repr(k) for k in known}
    else:
        assert found == f"choose one of: {', '.join(sorted(set(known)))}"


@given(st.sampled_from(["Lunate", "Triquetrum", "early_stopping", "finger-11"]))
def test_a_known_name_suggests_itself_in_any_case(name):
    assert suggest(name.upper(), ["Lunate", "Triquetrum", "early_stopping", "finger-11"]) == f"did you mean {name!r}?"


def test_packages_that_were_not_loaded_are_named():
    error = UnknownNameError("reader", "x", ["png"], absent=["handbone-tools", "other"])
    assert error.name == "x" and str(error).endswith("(plugins not loaded: handbone-tools, other)")


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "abc..."), ("", 3, ""), ("a" * 101, 100, "a" * 100 + "...")],
)
def test_long_texts_are_cut(text, longest, expected):
    assert shortened(text, longest) == expected
    assert shortened(text).startswith(text[:100])


def test_a_wrong_shape_is_quoted_as_a_tuple():
    import numpy as np

    error = ShapeError("a mask", "(H, W)", np.zeros((2, 3, 4)).shape, where="a.npz")
    assert str(error) == "a.npz: a mask must have the shape (H, W), but got (2, 3, 4)"
