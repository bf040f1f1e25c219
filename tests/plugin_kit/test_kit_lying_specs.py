"""Specs that promise too much, whatever they are of: every contract says so in words."""

import types

import pytest
from plugins_lying import complaints, plugin_of
from torch import nn

from handbone.plugin_kit.contracts import ContractError, LossContract
from handbone.plugins import LossSpec, NoSettings, Table, hookimpl


class Demanding(Table):
    width: int


class Lax(NoSettings, extra="allow"):
    pass


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (LossSpec(name="mine", summary="", build=nn.BCEWithLogitsLoss),
         "the summary must be one line of text, but got ''"),
        (LossSpec(name="mine", summary="A loss", build=lambda s: nn.BCEWithLogitsLoss(), settings=Lax),
         "an unknown setting must be refused (inherit handbone.plugins.Table), but it was taken"),
    ],
)  # fmt: skip
def test_specs_that_promise_too_much(spec, words):
    assert words in complaints(LossContract, spec).values()


def test_settings_without_a_default_are_named():
    spec = LossSpec(name="mine", summary="A loss", build=lambda s: nn.BCEWithLogitsLoss(), settings=Demanding)
    words = "the plugin must register the loss 'mine', but its loss 'mine' has the setting 'width' without a default"
    assert words in complaints(LossContract, spec, settings={"width": 3}).values()


def test_what_is_not_registered_is_named_with_what_is():
    spec = LossSpec(name="mine", summary="A loss", build=lambda s: nn.BCEWithLogitsLoss())
    case = type("Other", (LossContract,), {"plugin": plugin_of(spec), "name": "yours"})
    with pytest.raises(ContractError, match="the plugin must register the loss 'yours', but it registers 'mine'"):
        case().build()
    with pytest.raises(ContractError, match="needs `plugin = my_module` and `name = 'mine'`"):
        LossContract().build()


def test_a_hook_that_fails_is_the_reason():
    module = types.ModuleType("failing")

    @hookimpl
    def handbone_losses():
        raise RuntimeError("half installed")

    module.handbone_losses = handbone_losses
    with pytest.raises(ContractError, match="half installed"):
        type("Failing", (LossContract,), {"plugin": module, "name": "mine"})().build()


@pytest.mark.slow
def test_torch_at_import_is_named(tmp_path, monkeypatch):
    (tmp_path / "hasty_plugin.py").write_text("import torch\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import hasty_plugin

    case = type("Hasty", (LossContract,), {"plugin": hasty_plugin, "name": "mine"})
    with pytest.raises(ContractError, match="must import nothing heavy, but it imports torch"):
        case().test_naming_it_imports_nothing_heavy()
