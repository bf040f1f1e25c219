"""Weights of a plugin's network, and sets of weights that a plugin carries, through the command line."""

import json
import subprocess
import sys

import pytest
from plugins_disk import HEAD, handbone, surroundings, write_plugin

pytestmark = pytest.mark.slow

NET = (
    HEAD
    + """
def build(settings, *, in_channels, classes):
    import torch

    return torch.nn.Conv2d(in_channels, classes, 1)


@hookimpl
def handbone_models():
    return [ModelSpec(name="tinynet", summary="One layer", build=build)]
"""
)
SAVE = """
from handbone.recipe.schema import Choice
from handbone.weights.network_file import WeightsCard, build_network, save_weights
choice = Choice(name="tinynet")
card = WeightsCard(model=choice, in_channels=1, size=64, stage="coarse")
save_weights("coarse.safetensors", build_network(choice, 1), card)
"""
LOAD = """
from handbone.weights.network_file import load_weights
print(type(load_weights("coarse.safetensors")[0]).__name__)
"""
SET = """
from pathlib import Path


@hookimpl
def handbone_weights():
    folder = Path(__file__).parent / "children"
    return [WeightsSpec(name="children", summary="For children", build=lambda settings: folder)]
"""


def python(code, site):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=site, env=surroundings(site), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A plugin with a network and a set of its weights, beside it one weights file of the network."""
    folder = tmp_path_factory.mktemp("site")
    write_plugin(folder, "handbone-net", NET + SET, version="1.5")
    python(SAVE, folder)
    done = handbone("weights", "pack", "coarse.safetensors", "children", "--name", "children", site=folder)
    assert done.returncode == 0, done.stderr
    return folder


def refusal(site, **variables):
    (site / "nowhere.png").touch()
    done = handbone("predict", "nowhere.png", "-w", "coarse.safetensors", site=site, **variables)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    return done.stderr


def test_a_weights_file_names_the_plugin_of_its_network(site):
    done = handbone("weights", "info", "coarse.safetensors", "--json", site=site)
    assert json.loads(done.stdout)["files"][0]["plugin"] == {"package": "handbone-net", "version": "1.5"}
    patients = handbone("weights", "info", "coarse.safetensors", site=site).stdout
    assert "handbone-net 1.5" in patients


def test_weights_without_their_plugin_say_what_to_install_or_enable(site, tmp_path):
    needs = "the model 'tinynet' comes from handbone-net 1.5"
    assert f"{needs}, but it is not loaded (HANDBONE_PLUGINS is empty)" in refusal(site, HANDBONE_PLUGINS="")
    (tmp_path / "plugins.json").write_text('{"disabled": ["handbone-net"]}')
    told = refusal(site, HANDBONE_CONFIG=str(tmp_path))
    assert f"{needs}, but it is disabled; handbone plugins enable handbone-net" in told
    write_plugin(tmp_path, "handbone-net", "raise RuntimeError('no')", version="1.6")
    (tmp_path / "coarse.safetensors").write_bytes((site / "coarse.safetensors").read_bytes())
    (tmp_path / "plugins.json").unlink()
    assert f"{needs}, but handbone-net is broken: cannot be imported: RuntimeError: no" in refusal(tmp_path)
    (tmp_path / "handbone_net.py").write_text("")
    assert f"{needs}, but its version 1.6 does not provide it; pip install handbone-net==1.5" in refusal(tmp_path)
    (tmp_path / "handbone_net-1.6.dist-info/entry_points.txt").unlink()
    told = refusal(tmp_path)
    remedy = "handbone plugins install handbone-net, or pip install handbone-net"
    assert f"{needs}, but no such plugin is installed; {remedy}" in told


def test_weights_go_on_meaning_the_package_that_made_them(site, tmp_path):
    write_plugin(tmp_path, "handbone-net", NET, version="2.0")
    write_plugin(
        tmp_path, "handbone-other", NET.replace("torch.nn.Conv2d(in_channels, classes, 1)", "torch.nn.Identity()")
    )
    (tmp_path / "coarse.safetensors").write_bytes((site / "coarse.safetensors").read_bytes())
    assert python(LOAD, tmp_path) == "Conv2d\n"


def test_a_plugins_set_is_listed_and_used_by_name(site):
    listed = {one["name"]: one for one in json.loads(handbone("weights", "list", "--json", site=site).stdout)["items"]}
    assert (listed["children"]["origin"], listed["children"]["package"]) == ("plugin", "handbone-net")
    assert listed["zero_shot"]["origin"] == "shipped" and listed["zero_shot"]["package"] is None
    assert "handbone-net" in handbone("weights", "list", site=site).stdout
    done = handbone("weights", "info", "children", "--json", site=site)
    assert done.returncode == 0 and json.loads(done.stdout)["verified"]
    done = handbone("data", "draw", "--count", "1", "--size", "128", "-o", "hands", site=site)
    assert done.returncode == 0, done.stderr
    done = handbone("predict", "hands", "-w", "children", "-o", "out", site=site)
    assert done.returncode == 0, done.stderr
    done = handbone("predict", "hands", "-w", "childern", site=site)
    assert done.returncode == 1 and "did you mean 'children'" in done.stderr


def test_sets_of_one_name_are_an_error_where_it_is_used(site, tmp_path):
    write_plugin(site, "handbone-more", HEAD + SET)
    write_plugin(site, "handbone-empty", HEAD + SET.replace('"children"', '"nothing"'))

    def info(name, **variables):
        return handbone("weights", "info", name, site=site, cwd=tmp_path, **variables).stderr

    told = info("children")
    assert "the weights 'children' are provided by handbone-more (" in told and "and handbone-net (" in told
    assert "give the folder instead of the name" in told
    assert not info("children", HANDBONE_PLUGINS="handbone-net")
    assert not info(str(site / "children"))
    assert not info("zero_shot")
    assert "the weights 'nothing' of handbone-empty 1.0 are not in a folder" in info("nothing")
    done = handbone("weights", "list", site=site, cwd=tmp_path)
    assert done.returncode == 1 and "zero_shot" in done.stdout and "are not in a folder" in done.stdout
