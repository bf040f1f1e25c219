import json
from pathlib import Path

import pytest
from plugins_disk import BAD, GOOD, handbone, listed, write_bad, write_plugin


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with every bad plugin and one good one."""
    folder = tmp_path_factory.mktemp("site")
    write_bad(folder)
    write_plugin(folder, "handbone-good", GOOD, version="2.1")
    return folder


@pytest.fixture(scope="module")
def plugins(site) -> dict[str, dict]:
    return listed(site)


@pytest.mark.parametrize("name", BAD)
def test_each_bad_plugin_is_named_with_its_reason(plugins, name):
    assert plugins[name]["state"] == "broken"
    assert BAD[name][1] in plugins[name]["reason"]
    assert "\n" not in plugins[name]["reason"]
    assert plugins[name]["provides"] == {} and plugins[name]["events"] == []


def test_nothing_of_a_half_good_plugin_stays(plugins, site):
    assert plugins["bad-half"]["state"] == "broken"
    assert plugins["bad-half"]["provides"] == {}
    assert "half" not in handbone("--help", site=site).stdout.replace("half a", "")


def test_entry_points_that_lead_nowhere_or_cannot_be_read(plugins, tmp_path):
    assert "its module 'nowhere_module' is missing" in plugins["bad-entry"]["reason"]
    write_plugin(tmp_path, "bad-entry-points", "", entry="[handbone]\nno equals sign\n")
    assert "entry points cannot be read" in listed(tmp_path)["bad-entry-points"]["reason"]
    # pydantic, too, reads every package's entry points unless told not to.
    assert handbone("recipes", "validate", "tiny", site=tmp_path).returncode == 0


def test_the_good_one_works_beside_them(plugins, site):
    assert plugins["handbone-good"] == {
        "package": "handbone-good",
        "version": "2.1",
        "state": "works",
        "reason": "",
        "provides": {"loss": ["good-loss"], "command": ["say"]},
        "events": [],
    }
    done = handbone("say", "--word", "hello", site=site)
    assert (done.returncode, done.stdout) == (0, "said hello\n")


def test_list_and_info_are_for_patients_too(site):
    done = handbone("plugins", "list", site=site)
    assert done.returncode == 0
    assert "bad-exit" in done.stdout and "exits while it is imported" in done.stdout
    done = handbone("plugins", "info", "handbone_good", site=site)
    assert done.returncode == 0
    for word in ("2.1", "works", "handbone_good.py", "good-loss", "power", "float", "how hard"):
        assert word in done.stdout
    done = handbone("plugins", "info", "bad-hook", site=site)
    assert done.returncode == 0 and "raise KeyError('half')" in done.stdout
    done = handbone("plugins", "info", "bad-hok", site=site)
    assert done.returncode == 1 and "did you mean 'bad-hook'?" in done.stderr


def test_help_shows_commands_of_plugins_in_a_panel(site):
    done = handbone("--help", site=site)
    assert (done.returncode, done.stderr) == (0, "")
    panel = done.stdout.partition("Plugins ─")[2]
    assert "say" in panel and "Say [a] word (handbone-good)" in panel
    assert "Say a word." in handbone("say", "--help", site=site).stdout


@pytest.mark.slow
def test_dry_run_tells_each_problem_once_on_stderr(site, tmp_path):
    done = handbone("run", "tiny", "--dry-run", "--json", site=site, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"]
    told = [line for line in done.stderr.splitlines() if line.startswith("plugin bad-")]
    assert len(told) == len(BAD) + 2
    assert "plugin bad-exit 1.0 is not loaded: exits while it is imported (SystemExit: 3)" in told


@pytest.mark.slow
def test_names_in_errors_and_completion(site, tmp_path):
    done = handbone("run", "tiny", "--dry-run", "--set", "coarse.train.loss=godloss", site=site, cwd=tmp_path)
    assert done.returncode == 1 and "did you mean 'good-loss'" in done.stderr
    done = handbone("sya", site=site)
    assert done.returncode == 2 and "say" in done.stderr


def test_what_a_plugin_prints_while_it_loads_is_no_result(tmp_path):
    write_plugin(tmp_path, "loud", "print('hello from loud')")
    assert listed(tmp_path)["loud"]["state"] == "works"
