"""Installed packages as plugins, seen from inside one process: found, chosen, described, digested, switched off."""

import json
import sys

import pytest
from plugins_disk import GOOD, HEAD, write_plugin

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.plugins import PluginManager, describe, disabled, discovery, provenance
from handbone.plugins.settings import read_settings

LOSS = HEAD + "@hookimpl\ndef handbone_losses():\n    return [LossSpec(name='{}', summary='A loss', build=print)]\n"


def ours(packages):
    return {package.name: package for package in packages if package.name.startswith("handbone-t")}


def named(site, *names, **more):
    for name in names:
        write_plugin(site, name, LOSS.format(name.removeprefix("handbone-")), **more)
    return ours(discovery.installed())


def test_packages_are_found_with_what_their_authors_say(site):
    write_plugin(site, "handbone-tone", "x = 1", version="2.5", requires=("numpy>=1",))
    found = ours(discovery.installed())["handbone-tone"]
    assert (found.version, found.summary) == ("2.5", "The plugin handbone-tone.")
    assert found.requirements == ["numpy>=1"] and found.left_out == found.problem == ""
    assert [entry.value for entry in found.entries] == ["handbone_tone"] and found.stamp[0] == "2.5"
    assert "handbone_tone" not in sys.modules, "nothing is imported"


@pytest.mark.parametrize("spelt", ["handbone-ttwo", "handbone_ttwo", "Handbone.TTwo"])
def test_a_package_is_found_however_it_is_spelt(site, spelt):
    packages = named(site, "handbone-ttwo").values()
    assert discovery.find(spelt, packages).name == "handbone-ttwo"
    with pytest.raises(UnknownNameError, match="did you mean 'handbone-ttwo'"):
        discovery.find("handbone-ttwi", packages)


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("handbone-tthree", {"handbone-tfour": "not in HANDBONE_PLUGINS"}),
        ("handbone_tthree , Handbone-TFour", {}),
        ("", {"handbone-tthree": "HANDBONE_PLUGINS is empty", "handbone-tfour": "HANDBONE_PLUGINS is empty"}),
        (" , ", {"handbone-tthree": "HANDBONE_PLUGINS is empty", "handbone-tfour": "HANDBONE_PLUGINS is empty"}),
    ],
)
def test_only_the_named_packages_take_part(site, monkeypatch, text, left_out):
    named(site, "handbone-tthree", "handbone-tfour")
    monkeypatch.setenv(discovery.ONLY, text)
    found = ours(discovery.installed())
    assert {name: package.left_out for name, package in found.items() if package.left_out} == left_out


def test_a_name_that_is_not_installed_is_a_mistake(site, monkeypatch):
    named(site, "handbone-tfive")
    monkeypatch.setenv(discovery.ONLY, "handbone-tfive,handbone-tsix")
    with pytest.raises(UnknownNameError, match=r"HANDBONE_PLUGINS.*handbone-tsix"):
        discovery.installed()


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("[console_scripts]\na = b:c\n", None),
        ("[handbone]\n", None),
        ("  [handbone]\na = handbone_tseven\n", True),
        ("[handbone]\nno entry\n", "its entry points cannot be read"),
    ],
)
def test_what_is_no_plugin_is_none_and_what_cannot_be_read_says_so(site, entry, found):
    write_plugin(site, "handbone-tseven", "x = 1", entry=entry)
    package = ours(discovery.installed()).get("handbone-tseven")
    if found is None or found is True:
        assert (package is not None) is bool(found)
    else:
        assert package.problem.startswith(found) and package.entries == ()


@pytest.mark.parametrize("finder", ["importlib.metadata", "importlib_metadata"])
def test_a_half_removed_package_has_the_name_of_its_folder(site, monkeypatch, finder):
    finder = pytest.importorskip(finder)
    monkeypatch.setattr(discovery.importlib.metadata, "distributions", finder.distributions)
    write_plugin(site, "handbone-teight", "x = 1", version="3.1")
    (site / "handbone_teight-3.1.dist-info" / "METADATA").unlink()
    found = next(one for one in discovery.installed() if one.name == "handbone_teight")
    assert (found.version, found.summary, found.requirements) == ("3.1", "", [])


def test_a_package_is_switched_off_and_on_again(site):
    named(site, "handbone-tnine")
    assert disabled.names() == set()
    assert disabled.switch("Handbone_TNine", on=False) and not disabled.switch("handbone-tnine", on=False)
    assert disabled.names() == {"handbone-tnine"}
    assert ours(discovery.installed())["handbone-tnine"].left_out == "disabled"
    assert json.loads(disabled.path().read_text()) == {"disabled": ["handbone-tnine"]}
    assert disabled.switch("handbone-tnine", on=True) and not disabled.switch("handbone-tnine", on=True)
    assert ours(discovery.installed())["handbone-tnine"].left_out == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"disabled": 3}', '{"disabled": [1]}', "\xff"])
def test_a_list_that_cannot_be_read_is_named_with_what_to_do(site, text):
    disabled.path().parent.mkdir(parents=True)
    disabled.path().write_bytes(text.encode("latin-1"))
    with pytest.raises(HandboneError, match="is not a list of disabled plugins; delete the file"):
        disabled.names()


def test_a_digest_is_that_of_the_code_and_of_nothing_else(site):
    folder = site / "handbone_tten"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("x = 1\n")
    (folder / "inner.py").write_text("y = 2\n")
    write_plugin(site, "handbone-tten", "", entry="[handbone]\na = handbone_tten.inner\n")
    (site / "handbone_tten.py").unlink()
    package = ours(discovery.installed())["handbone-tten"]
    digest = provenance.digest(package)
    assert provenance.location(package) == str(folder) and len(digest) == 64
    (folder / "data.txt").write_text("no code")
    assert provenance.digest(package) == digest
    seen = {digest}
    (folder / "inner.py").write_text("y = 3\n")
    seen.add(provenance.digest(package))
    (folder / "inner.py").rename(folder / "other.py")
    seen.add(provenance.digest(package))
    (folder / "other.py").write_text("")
    (folder / "__init__.py").write_text("x = 1\ny = 3\n")
    seen.add(provenance.digest(package))
    assert len(seen) == 4


def test_code_that_is_nowhere_has_no_place(site):
    write_plugin(site, "handbone-televen", "x = 1", entry="[handbone]\na = handbone_nowhere.at.all\n")
    package = ours(discovery.installed())["handbone-televen"]
    assert provenance.location(package) == "" and provenance.digest(package) == provenance.digest(package)


def test_plugins_that_take_part_are_named_with_their_code(site):
    write_plugin(site, "handbone-ttwelve", LOSS.format("twelve"), version="1.2")
    write_plugin(site, "handbone-tbad", "import no_such_thing")
    manager = PluginManager()
    manager.register(type("Own", (), {})(), package="at-hand", version="9")
    found = provenance.provenance(manager)
    assert found["handbone-ttwelve"]["version"] == "1.2" and len(found["handbone-ttwelve"]["sha256"]) == 64
    assert found["at-hand"] == {"version": "9", "sha256": None} and "handbone-tbad" not in found


def test_a_plugin_is_described_with_its_state_and_all_that_it_provides(site):
    write_plugin(site, "handbone-tgood", GOOD)
    write_plugin(site, "handbone-tbad", "import no_such_thing", version="0.1")
    write_plugin(site, "handbone-toff", LOSS.format("off"))
    disabled.switch("handbone-toff", on=False)
    manager = PluginManager()
    shown = {name: describe.overview(manager, package) for name, package in ours(manager.packages).items()}
    states = {name: each["state"] for name, each in shown.items()}
    assert states == {"handbone-tgood": "works", "handbone-tbad": "broken", "handbone-toff": "disabled"}
    assert shown["handbone-tgood"]["provides"]["loss"] == ["good-loss"] and shown["handbone-tgood"]["reason"] == ""
    assert "needs the module 'no_such_thing'" in shown["handbone-tbad"]["reason"]
    assert shown["handbone-tbad"]["provides"] == {} and "handbone_toff" not in sys.modules
    whole = describe.details(manager, ours(manager.packages)["handbone-tgood"])
    thing = next(each for each in whole["provides"] if each["name"] == "good-loss")
    setting = {"name": "power", "type": "float", "default": 2.0, "description": "how hard"}
    assert thing["kind"] == "loss" and setting in thing["settings"]
    assert whole["location"].endswith("handbone_tgood.py") and len(whole["sha256"]) == 64
    json.dumps([whole, *shown.values()])
    details = describe.details(manager, ours(manager.packages)["handbone-tbad"])
    assert "no_such_thing" in details["details"]


def test_what_is_built_in_is_described_alike():
    own = describe.builtins(PluginManager(entry_points=False))
    assert own["package"] == "handbone" and own["state"] == "built in" and own["events"] == []
    assert {"model", "loss", "ensembler", "reader", "writer"} <= set(own["provides"])
    assert "dice" in own["provides"]["loss"] and own["version"]


def test_why_nothing_of_a_package_is_there(site, monkeypatch):
    write_plugin(site, "handbone-tgood", LOSS.format("good"))
    write_plugin(site, "handbone-tbad", "import no_such_thing")
    write_plugin(site, "handbone-toff", LOSS.format("off"))
    disabled.switch("handbone-toff", on=False)
    manager = PluginManager()
    assert manager.why_absent("Handbone_TGood") is None and manager.why_absent("handbone") is None
    assert "handbone-tbad is broken: needs the module" in manager.why_absent("handbone-tbad")[0]
    assert manager.why_absent("handbone-toff") == ("it is disabled", "handbone plugins enable handbone-toff")
    what, remedy = manager.why_absent("handbone-tgod")
    assert what == "no such plugin is installed" and "did you mean 'handbone-tgood'?" in remedy
    monkeypatch.setenv(discovery.ONLY, "handbone-tgood")
    reason = PluginManager().why_absent("handbone-tbad")
    assert reason == (
        "it is not loaded (not in HANDBONE_PLUGINS)",
        "enable it with HANDBONE_PLUGINS=handbone-tbad",
    )


def test_strict_plugins_make_a_problem_an_error(site, monkeypatch):
    write_plugin(site, "handbone-tbad", "import no_such_thing")
    manager = PluginManager()
    manager.demand_whole()
    for value in ("0", ""):
        monkeypatch.setenv("HANDBONE_STRICT_PLUGINS", value)
        manager.demand_whole()
    monkeypatch.setenv("HANDBONE_STRICT_PLUGINS", "1")
    with pytest.raises(HandboneError, match=r"plugin handbone-tbad 1\.0.*fix or disable it, or unset"):
        manager.demand_whole()


def test_settings_of_a_spec_are_checked_with_the_place(site):
    write_plugin(site, "handbone-tgood", GOOD)
    spec, values = PluginManager().get("loss", "good-loss")
    assert values.power == 2.0
    with pytest.raises(HandboneError, match=r"recipe\.toml.*powr"):
        read_settings(spec, {"powr": 1}, where="recipe.toml")
