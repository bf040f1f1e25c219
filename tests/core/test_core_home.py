"""A user's home in a path: `~` is filled in, and one of an unknown user is an error in words, wherever it is given."""

from pathlib import Path

import pytest

from handbone.core.digests import cache_root
from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.data.dataset import open_dataset
from handbone.networks.prompters.load import load_prompter
from handbone.recipe.class_map import ClassMap
from handbone.recipe.load import load_recipe
from handbone.recipe.schema import Choice, Data
from handbone.runs.fingerprints import _chosen
from handbone.weights.finding import find_weights, prior_file, stage_file
from handbone.weights.sets import fetched_root, resolve

NOBODY = "~nobody-of-this-name/x"


def test_the_users_own_home_is_filled_in(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/a b") == tmp_path / "a b" and expanded("~") == tmp_path
    assert expanded("a/~/b") == Path("a/~/b") and expanded(NOBODY) == Path(NOBODY)
    monkeypatch.setenv("HANDBONE_CACHE", "~/cache")
    assert cache_root() == tmp_path / "cache" and fetched_root() == tmp_path / "cache" / "weights"


@pytest.mark.parametrize("name", [NOBODY, "x" * 300])
@pytest.mark.parametrize(
    "take",
    [
        resolve,
        find_weights,
        prior_file,
        lambda name: stage_file(name, "coarse"),
        load_recipe,
        ClassMap.load,
        lambda name: open_dataset(Data(path=name)),
        load_prompter,
    ],
    ids=["resolve", "weights", "prior", "stage", "recipe", "class map", "data", "prompter"],
)
def test_a_path_that_cannot_be_is_one_sentence(take, name):
    with pytest.raises(HandboneError) as error:
        take(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [NOBODY, "x" * 5000, "a\0b", "", "."])
def test_a_setting_that_is_no_file_counts_as_its_text(text):
    """Any text of a choice may name a file, whose content then counts too."""
    told = _chosen("model", Choice(name="unet", encoder="resnet18", encoder_weights=text))
    assert told["files"] == {} and told["settings"]["encoder_weights"] == text
