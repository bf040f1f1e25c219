import subprocess
import sys

import pytest

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.plugins import LossSpec, ModelSpec, PluginManager, SchedulerSpec, hookimpl, registry
from handbone.recipe.schema import Choice


class Another:
    """A plugin with a network of a name that is taken, and one that is not."""

    @hookimpl
    def handbone_models(self):
        return [ModelSpec(name=name, summary="", build=lambda settings, **_: settings) for name in ("unet", "mine")]


class Broken:
    @hookimpl
    def handbone_losses(self):
        raise RuntimeError("half installed")

    @hookimpl
    def handbone_models(self):
        return [ModelSpec(name="broken", summary="", build=lambda settings, **_: settings)]


def test_built_ins_come_through_the_hooks():
    names = {kind: {p.spec.name for p in registry().provided(kind)} for kind in ("optimiser", "scheduler")}
    assert names == {"optimiser": {"adam", "adamw"}, "scheduler": {"multistep", "cosine", "warm_restarts", "plateau"}}
    spec, settings = registry().get("model", Choice(name="unet", encoder="resnet18"))
    assert spec.name == "unet" and settings.encoder == "resnet18"


def test_naming_things_imports_nothing_heavy():
    heavy = "{'torch', 'segmentation_models_pytorch', 'lightning', 'timm', 'torchvision'}"
    code = (
        "import sys; from handbone.plugins import registry; r = registry();"
        "[r.provided(k) for k in ('model', 'loss', 'optimiser', 'scheduler')];"
        f"sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UnknownNameError, match="unknown model 'unetplus'; did you mean 'unetplusplus'"):
        registry().get("model", "unetplus")
    with pytest.raises(HandboneError, match=r"r.toml: model 'unet': unknown setting 'encodr' \(did you mean 'encoder'"):
        registry().get("model", Choice(name="unet", encodr="x"), where="r.toml")
    with pytest.raises(HandboneError, match=r"betas.*eps"):
        registry().get("optimiser", Choice(name="adamw", betas=3, eps=-1.0))


def test_two_providers_of_one_name_need_a_word():
    plugins = PluginManager(entry_points=False)
    plugins.register(Another(), package="handbone-another", version="1.0")
    assert plugins.get("model", "mine")[0].name == "mine"
    with pytest.raises(HandboneError, match=r'handbone and handbone-another.*from = "handbone"'):
        plugins.get("model", "unet")
    assert plugins.get("model", Choice(name="unet", **{"from": "handbone-another"}))[0].summary == ""
    assert plugins.get("model", Choice(name="unet", **{"from": "Handbone_Another"}))[0].summary == ""
    missing = "no such plugin is installed; .*pip install handbone-anoter; did you mean 'handbone-another'"
    with pytest.raises(HandboneError, match=missing):
        plugins.get("model", Choice(name="unet", **{"from": "handbone-anoter"}))
    with pytest.raises(UnknownNameError, match=r"provider of the loss 'dice' 'handbone-another'"):
        plugins.get("loss", Choice(name="dice", **{"from": "handbone-another"}))


def test_broken_plugins_are_named_and_left_out():
    plugins = PluginManager(entry_points=False)
    plugins.register(Another(), package="handbone-another")
    plugins.register(Broken(), package="handbone-broken", version="2.0")
    assert plugins.get("model", "mine") and plugins.get("loss", "dice")
    assert [str(problem) for problem in plugins.problems] == [
        "handbone-broken 2.0 is not loaded: its handbone_losses failed: RuntimeError: half installed"
    ]
    with pytest.raises(HandboneError, match=r"handbone-broken is broken.*; see handbone plugins info handbone-broken"):
        plugins.get("model", Choice(name="unet", **{"from": "handbone-broken"}))


def test_a_schedule_needs_a_known_interval():
    with pytest.raises(ValueError, match="interval"):
        SchedulerSpec(name="x", summary="", build=lambda: None, interval="hour")
    assert LossSpec(name="x", summary="", build=lambda settings: None).kind == "loss"
