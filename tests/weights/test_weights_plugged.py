"""Weights that plugins carry and networks that plugins bring: whose they are, and what to do without them."""

import shutil

import pytest
from weights_small import MODEL

from handbone.core.errors import HandboneError
from handbone.plugins import ModelSpec, PluginManager, WeightsSpec, hookimpl
from handbone.recipe.schema import Choice
from handbone.weights import origin, plugged, sets
from handbone.weights.origin import WeightsOrigin, as_made, origin_of
from handbone.weights.sets import find, names, read_set, resolve


@pytest.fixture
def manager(monkeypatch):
    """Plugins of this test alone."""
    made = PluginManager(entry_points=False)
    monkeypatch.setattr(origin, "registry", lambda: made)
    monkeypatch.setattr("handbone.plugins.registry", lambda: made)
    monkeypatch.setattr(plugged, "_asked", {})
    return made


def carrying(manager, package, **folders):
    class Plugin:
        @hookimpl
        def handbone_weights(self):
            return [
                WeightsSpec(name=name, summary="A set", build=lambda settings, folder=folder: folder)
                for name, folder in folders.items()
            ]

    manager.register(Plugin(), package=package, version="1.5")


def bringing(manager, package, name, version="2.0"):
    class Plugin:
        @hookimpl
        def handbone_models(self):
            return [ModelSpec(name=name, summary="A network", build=print)]

    manager.register(Plugin(), package=package, version=version)


def test_a_plugin_s_set_is_found_by_its_name_and_known_by_its_folder(manager, packed):
    carrying(manager, "handbone-mine", theirs=packed)
    found = find("theirs")
    assert (found.name, found.origin, found.package) == ("theirs", "plugin", "handbone-mine")
    assert resolve("theirs") == packed and names() == ["theirs"]
    again = read_set(packed)
    assert (again.name, again.origin) == ("theirs", "plugin")
    again.verify()


def test_a_set_of_a_plugin_that_was_changed_names_the_plugin(manager, packed, tmp_path):
    copy = shutil.copytree(packed, tmp_path / "copy")
    carrying(manager, "handbone-mine", theirs=copy)
    with open(copy / "coarse.safetensors", "ab") as file:
        file.write(b"x")
    with pytest.raises(HandboneError, match="install handbone-mine again"):
        find("theirs").verify()


def test_names_of_several_are_not_guessed(manager, packed, places, tmp_path):
    carrying(manager, "handbone-mine", both=packed)
    carrying(manager, "handbone-other", both=shutil.copytree(packed, tmp_path / "second"))
    with pytest.raises(HandboneError, match=r"'both' are provided by handbone-mine \(.*\) and handbone-other \("):
        find("both")
    shutil.copytree(packed, places.shipped / "small")
    carrying(manager, "handbone-third", small=packed)
    with pytest.raises(HandboneError, match=r"provided by handbone \(.*shipped.*\) and handbone-third"):
        find("small")
    assert names() == ["both", "small"] and sets.known() == []


def test_a_plugin_without_the_set_that_it_names_is_told(manager, tmp_path):
    carrying(manager, "handbone-mine", empty=tmp_path)
    with pytest.raises(HandboneError, match=r"the weights 'empty' of handbone-mine 1\.5 have no card\.json"):
        find("empty")
    assert sets.known() == []


def test_built_in_networks_have_no_origin_and_plugins_networks_have_one(manager):
    bringing(manager, "handbone-mine", "own_network")
    assert origin_of("model", MODEL) is None and origin_of("model", Choice(name="nowhere")) is None
    assert origin_of("model", Choice(name="own_network")) == WeightsOrigin(package="handbone-mine", version="2.0")


def test_weights_mean_the_network_that_made_them_also_where_a_name_is_taken(manager):
    bringing(manager, "handbone-mine", "unet")
    with pytest.raises(HandboneError, match="is provided by handbone and handbone-mine"):
        manager.provider("model", Choice(name="unet"))
    assert as_made("model", MODEL, None, where="here").provider == "handbone"
    mine = as_made("model", MODEL, WeightsOrigin(package="handbone-mine", version="1.0"), where="here")
    assert mine.provider == "handbone-mine" and manager.provider("model", mine).package == "handbone-mine"
    chosen = MODEL.model_copy(update={"provider": "handbone-mine"})
    assert as_made("model", chosen, None, where="here") is chosen
    nobody = Choice(name="nowhere")
    assert as_made("model", nobody, None, where="here") is nobody


class Broken:
    @hookimpl
    def handbone_models(self):
        raise RuntimeError("half installed")


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("handbone-gone", r"comes from handbone-gone 1\.0, but no such plugin is installed; handbone plugins install"),
        ("handbone-bad", r"but handbone-bad is broken: its handbone_models failed: RuntimeError: half installed"),
        ("handbone-mine", r"but its version 2\.0 does not provide it; pip install handbone-mine==1\.0"),
    ],
)
def test_weights_without_their_plugin_say_what_to_do(manager, package, words):
    bringing(manager, "handbone-mine", "another")
    manager.register(Broken(), package="handbone-bad", version="0.1")
    with pytest.raises(HandboneError, match=f"the model 'own'.*{words}"):
        as_made("model", Choice(name="own"), WeightsOrigin(package=package, version="1.0"), where="here")
