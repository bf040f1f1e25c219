"""Settings that recipes write beside a name, and names that several packages have: each mistake in one sentence."""

from types import SimpleNamespace

import pytest
from plugins_lying import manager_of
from pydantic import Field

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.plugins import LossSpec, MetricSpec, Table, hookimpl
from handbone.plugins.settings import read_settings


class Settings(Table):
    """Settings of a loss."""

    weight: float = Field(default=1.0, ge=0, le=2, description="how much")
    names: tuple[str, ...] = ()
    power: int = Field(default=1, alias="pow")


SPEC = LossSpec(name="own", summary="", build=lambda settings: settings, settings=Settings)


def test_settings_that_are_right_come_as_their_model_with_defaults():
    found = read_settings(SPEC, {"weight": 2.0, "pow": 3})
    assert (found.weight, found.names, found.power) == (2.0, (), 3) and isinstance(found, Settings)
    assert read_settings(LossSpec(name="a", summary="", build=print, settings=None), {}).model_dump() == {}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"weigth": 1}, "loss 'own': unknown setting 'weigth' (did you mean 'weight'?)"),
        ({"weight": 3}, "loss 'own': weight = 3: input should be less than or equal to 2"),
        ({"names": [1]}, "loss 'own': names.0 = 1: input should be a valid string"),
        ({"weight": float("nan")}, "loss 'own': weight = nan: input should be"),
    ],
)
def test_a_wrong_setting_is_told_with_what_it_is(values, sentence):
    with pytest.raises(HandboneError) as caught:
        read_settings(SPEC, values, where="r.toml, line 3")
    assert str(caught.value).startswith(f"r.toml, line 3: {sentence}")


def test_all_wrong_settings_are_told_at_once():
    with pytest.raises(HandboneError) as caught:
        read_settings(SPEC, {"weight": -1, "pow": "x", "other": 2})
    said = str(caught.value)
    assert said.count("; ") >= 2 and all(word in said for word in ("weight = -1", "pow = 'x'", "'other'"))


def test_of_two_plugins_with_one_name_both_are_named_and_neither_is_taken():
    def loss(summary):
        return LossSpec(name="own", summary=summary, build=print)

    plugins = manager_of(("handbone-a", "1", [loss("first")]), ("handbone-b", "2", [loss("second")]))
    with pytest.raises(HandboneError) as caught:
        plugins.get("loss", "own", where="r.toml, line 7")
    assert str(caught.value) == (
        "r.toml, line 7: the loss 'own' is provided by handbone-a and handbone-b; "
        'choose one with { name = "own", from = "handbone-a" }'
    )
    assert [(one.package, one.version) for one in plugins.provided("loss") if one.spec.name == "own"] == [
        ("handbone-a", "1"),
        ("handbone-b", "2"),
    ]
    assert plugins.get("loss", "dice"), "names of others do not suffer"


def test_a_plugin_that_comes_later_is_known_although_names_were_asked_for_before():
    plugins = manager_of()
    with pytest.raises(UnknownNameError):
        plugins.get("metric", "late")
    plugins.register(
        SimpleNamespace(handbone_metrics=hookimpl(lambda: [MetricSpec(name="late", summary="", build=print)])),
        package="handbone-late",
        version="1",
    )
    assert plugins.provider("metric", "late").package == "handbone-late" and plugins.loaded == {"handbone-late": "1"}
