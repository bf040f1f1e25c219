"""What `--json` gives of plugins, to the last cell, whatever their settings are."""

import enum
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, NotRequired

import pytest
from json_docs import OTHERS, checked
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from handbone.plugin_kit.findings import Check
from handbone.plugins import LossSpec, describe
from handbone.plugins.provider import Provided
from handbone.recipe.schema import Table

STRICT = ConfigDict(strict=True, extra="forbid")


@with_config(STRICT)
class Setting(TypedDict):
    name: str
    type: str
    default: bool | int | float | str | list | dict | None
    description: str


@with_config(STRICT)
class Thing(TypedDict):
    kind: str
    name: str
    summary: str
    settings: list[Setting]
    extensions: NotRequired[list[str]]


@with_config(STRICT)
class Plugin(TypedDict):
    schema: Literal["handbone.plugins.info/1"]
    package: str
    version: str
    state: Literal["works", "broken", "disabled"]
    reason: str
    provides: list[Thing]
    events: list[str]
    summary: str
    location: str
    sha256: str
    details: str


@with_config(STRICT)
class NewPlugin(TypedDict):
    schema: Literal["handbone.plugins.new/1"]
    package: str
    folder: str
    files: list[str]


@with_config(STRICT)
class Checked(TypedDict):
    what: str
    state: Literal["passed", "failed", "left out"]
    reasons: list[str]


@with_config(STRICT)
class Checks(TypedDict):
    schema: Literal["handbone.plugins.check/1"]
    ok: bool
    checks: list[Checked]


class Kind(enum.Enum):
    SOFT = "soft"


class Inner(Table):
    """Settings in settings."""

    depth: int = 3


class Odd(Table):
    """Settings whose defaults are no plain values, and one without a default."""

    kind: Kind = Kind.SOFT
    path: Path = Path("a/b")
    inner: Inner = Inner()
    several: tuple[int, ...] = (1, 2)
    needed: int = Field(description="how many")
    made: list[str] = Field(default_factory=lambda: ["x"], alias="from")


@pytest.fixture
def odd_plugin(monkeypatch):
    """A plugin whose settings hold anything, as the command finds it."""
    from handbone.plugins import discovery
    from handbone.plugins.discovery import Package

    package = Package("handbone-odd", "1.2", ())
    spec = LossSpec(name="odd", summary="Odd.", settings=Odd, build=lambda settings: None)
    manager = SimpleNamespace(
        packages=(package,), problems=(), of_package=lambda name: [Provided(spec, package.name, package.version)]
    )
    monkeypatch.setattr("handbone.plugins.installed_plugins", lambda: manager)
    monkeypatch.setattr(discovery, "find", lambda name, packages: package)
    monkeypatch.setattr(describe, "_events", lambda manager, name: [])
    monkeypatch.setattr("handbone.plugins.provenance.location", lambda package: "/x")
    monkeypatch.setattr("handbone.plugins.provenance.digest", lambda package: "")
    return package


def test_a_plugin_s_settings_are_values_whatever_their_defaults_are(say, odd_plugin):
    code, out, err = say("plugins", "info", "handbone-odd", "--json")
    assert code == 0, err
    value = checked(out, Plugin)
    settings = {setting["name"]: setting for setting in value["provides"][0]["settings"]}
    defaults = {name: setting["default"] for name, setting in settings.items()}
    assert defaults == {
        **{"kind": "soft", "path": "a/b", "inner": {"depth": 3}, "several": [1, 2]},
        **{"needed": None, "from": ["x"]},
    }
    assert settings["needed"]["description"] == "how many" and settings["several"]["type"] == "tuple[int, ...]"
    code, out, _ = say("plugins", "info", "handbone-odd")
    assert code == 0 and "Undefined" not in out and "loss odd  Odd." in out


def test_a_new_plugin_s_files_are_listed_below_its_folder(say, tmp_path):
    value = checked(say("plugins", "new", "handbone-mine", "--json")[1], NewPlugin)
    assert value["folder"] == "handbone-mine" and all(
        (tmp_path / "handbone-mine" / file).is_file() for file in value["files"]
    )
    code, out, _ = say("plugins", "new", "handbone-mine", "--json")
    error = json.loads(out)
    assert code == 1 and error["where"] and error["remedy"], "a folder that is there is not filled"
    code, out, _ = say("plugins", "new", "Not A Name", "--json")
    assert code == 1 and json.loads(out)["schema"] == "handbone.error/1" and not (tmp_path / "Not A Name").exists()


@pytest.mark.parametrize("states", [(), ("passed",), ("passed", "left out"), ("failed", "passed")])
def test_a_check_is_good_where_nothing_failed(say, monkeypatch, states):
    found = [Check(f"loss {n}", state, ("why",)) for n, state in enumerate(states)]
    monkeypatch.setattr("handbone.plugin_kit.check.check", lambda what: iter(found))
    code, out, _ = say("plugins", "check", "mine", "--json")
    value = checked(out, Checks)
    assert value["ok"] is ("failed" not in states) and code == int("failed" in states)
    assert [check["state"] for check in value["checks"]] == list(states)


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_a_change_of_a_plugin_has_its_name_and_whether_there_was_one(say, odd_plugin, monkeypatch, verb):
    monkeypatch.setattr("handbone.plugins.discovery.installed", lambda: (odd_plugin,))
    value = json.loads(say("plugins", verb, "handbone-odd", "--json")[1])
    assert value.keys() == {"schema", f"{verb}d", "changed"} and isinstance(value["changed"], bool)
    assert value["schema"] in OTHERS
