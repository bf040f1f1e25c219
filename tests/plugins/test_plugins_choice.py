import json

import pytest
from plugins_disk import GOOD, handbone, listed, write_plugin

TRACE = "import pathlib\npathlib.Path(__file__).with_suffix('.imported').touch()\n"


@pytest.fixture
def site(tmp_path):
    write_plugin(tmp_path, "handbone-good", TRACE + GOOD)
    write_plugin(tmp_path, "bad-exit", TRACE + "raise SystemExit")
    return tmp_path


def imported(site):
    return {path.stem for path in site.glob("*.imported")}


def test_no_plugins_imports_none(site):
    done = handbone("--no-plugins", "plugins", "list", "--json", site=site)
    assert {one["state"] for one in json.loads(done.stdout)["items"]} == {"HANDBONE_PLUGINS is empty"}
    done = handbone("--no-plugins", "say", site=site)
    assert done.returncode == 2 and "No such command 'say'" in done.stderr
    assert "Plugins ─" not in handbone("--no-plugins", "--help", site=site).stdout
    assert not imported(site)


def test_only_the_named_plugins(site):
    found = listed(site, HANDBONE_PLUGINS="Handbone_Good")
    assert {name: one["state"] for name, one in found.items()} == {
        "handbone-good": "works",
        "bad-exit": "not in HANDBONE_PLUGINS",
    }
    assert imported(site) == {"handbone_good"}
    done = handbone("plugins", "list", site=site, HANDBONE_PLUGINS="handbone-goood")
    assert done.returncode == 1 and "HANDBONE_PLUGINS: unknown plugin" in done.stderr
    assert "did you mean 'handbone-good'?" in done.stderr
    assert handbone("--help", site=site, HANDBONE_PLUGINS="handbone-goood").returncode == 0


# A mistake that is found only after the plugins were asked, and before anything slow is done.
MISTAKEN = ("run", "tiny", "--dry-run", "--set", "coarse.train.loss=godloss")


@pytest.mark.slow
def test_strict_makes_a_problem_an_error(site):
    done = handbone(*MISTAKEN, site=site)
    assert "plugin bad-exit 1.0 is not loaded: exits while" in done.stderr and "unknown loss" in done.stderr
    done = handbone(*MISTAKEN, site=site, HANDBONE_STRICT_PLUGINS="1")
    assert done.returncode == 1 and "Error: plugin bad-exit 1.0 is not loaded: exits while" in done.stderr
    assert "unknown loss" not in done.stderr
    done = handbone(*MISTAKEN, site=site, HANDBONE_STRICT_PLUGINS="1", HANDBONE_PLUGINS="handbone-good")
    assert "unknown loss" in done.stderr
    done = handbone("plugins", "list", "--json", site=site, HANDBONE_STRICT_PLUGINS="1")
    assert done.returncode == 1 and len(json.loads(done.stdout)["items"]) == 2
    assert handbone("--help", site=site, HANDBONE_STRICT_PLUGINS="1").returncode == 0


@pytest.mark.slow
def test_a_disabled_plugin_is_not_imported_until_it_is_enabled(site):
    done = handbone("plugins", "disable", "Bad_Exit", "--json", site=site)
    told = {"schema": "handbone.plugins.change/1", "disabled": "bad-exit", "changed": True}
    assert json.loads(done.stdout) == told
    assert json.loads((site / "config/plugins.json").read_text()) == {"disabled": ["bad-exit"]}
    assert listed(site)["bad-exit"]["state"] == "disabled"
    assert imported(site) == {"handbone_good"}
    assert not json.loads(handbone("plugins", "disable", "bad-exit", "--json", site=site).stdout)["changed"]
    assert "unknown loss" in handbone(*MISTAKEN, site=site, HANDBONE_STRICT_PLUGINS="1").stderr
    assert "is now enabled" in handbone("plugins", "enable", "bad-exit", site=site).stdout
    assert listed(site)["bad-exit"]["state"] == "broken"
    for verb in ("disable", "enable"):
        done = handbone("plugins", verb, "bad-exti", site=site)
        assert done.returncode == 1 and "did you mean 'bad-exit'?" in done.stderr


def test_a_damaged_list_of_disabled_plugins_is_named(site):
    (site / "config").mkdir()
    (site / "config/plugins.json").write_text("[", encoding="utf-8")
    done = handbone("plugins", "list", site=site)
    assert done.returncode == 1 and "plugins.json" in done.stderr and "delete the file" in done.stderr
    assert "Commands" in handbone("--help", site=site).stdout
