import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from handbone.errors import HandboneError, UnknownNameError
from handbone.plugins import LossSpec, ModelSpec, PluginManager, SchedulerSpec, hookimpl, manager, registry
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
        return ["not a spec"]


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
    with pytest.raises(UnknownNameError, match="did you mean 'handbone-another'"):
        plugins.get("model", Choice(name="unet", **{"from": "handbone-anoter"}))


def test_broken_plugins_are_named_and_left_out(monkeypatch):
    good = EntryPoint("good", "tests_good:plugin", "handbone")
    monkeypatch.setitem(sys.modules, "tests_good", SimpleNamespace(plugin=Another()))
    bad = EntryPoint("bad", "no_such_module_of_ours", "handbone")
    monkeypatch.setattr(manager.importlib.metadata, "entry_points", lambda group: [bad, good])
    plugins = PluginManager()
    plugins.register(Broken(), package="handbone-broken", version="2.0")
    assert plugins.get("model", "mine") and plugins.get("loss", "dice")
    reasons = {problem.package: problem.reason for problem in plugins.problems}
    assert "no_such_module_of_ours" in reasons["bad"]
    assert {p.reason for p in plugins.problems if p.package == "handbone-broken"} == {
        "its handbone_losses failed: half installed",
        "its handbone_models gave 'not a spec', which is no model spec",
    }


def test_a_schedule_needs_a_known_interval():
    with pytest.raises(ValueError, match="interval"):
        SchedulerSpec(name="x", summary="", build=lambda: None, interval="hour")
    assert LossSpec(name="x", summary="", build=lambda settings: None).kind == "loss"
