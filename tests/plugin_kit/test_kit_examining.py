"""`handbone plugins check` step by step, without an environment: what is copied, built, run and told of each step."""

import json
import os
import sys
from pathlib import Path

import pytest
from plugins_disk import HEAD, write_plugin

from handbone.core.errors import HandboneError
from handbone.plugin_kit import check, environment, examine
from handbone.plugin_kit.check import _examined, _own_tests, _surroundings
from handbone.plugin_kit.contracts import contract
from handbone.plugin_kit.contracts.contract import Contract, ContractError, NotGivenError, module_of, want
from handbone.plugin_kit.contracts.running import run_contract
from handbone.plugin_kit.findings import Check
from handbone.plugins import discovery, installing

posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in for Python is a shell script")


def stand_in(folder: Path, script: str) -> Path:
    """A program in place of the environment's Python; its last argument is where the result belongs."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\nfor result; do :; done\n{script}\n")
    path.chmod(0o755)
    return path


FOUND = json.dumps([{"what": "entry point", "state": "passed", "reasons": ["a = b"]}])


@posix
@pytest.mark.parametrize(
    ("script", "told"),
    [
        (f"echo '{FOUND}' > $result", None),
        (f"echo '{FOUND}' > $result; echo one >&2; echo two >&2; exit 3", "after 'entry point' with exit code 3: two"),
        ("exit 4", "it exited at once with exit code 4: no output"),
        (f"echo '{FOUND}' > $result; kill -9 $$", "it exited after 'entry point' with signal 9: no output"),
    ],
)
def test_a_process_that_ends_early_is_told_with_what_it_had_found(tmp_path, script, told):
    checks = list(_examined(stand_in(tmp_path, script), "handbone-x", tmp_path))
    whole = [Check("entry point", "passed", ("a = b",))] if FOUND in script else []
    assert checks[: len(whole)] == whole and len(checks) == len(whole) + (told is not None)
    if told is not None:
        assert (checks[-1].what, checks[-1].state) == ("process", "failed") and told in checks[-1].reasons[0]


@posix
@pytest.mark.parametrize(
    ("script", "state", "reasons"),
    [
        ("echo; echo '3 passed in 0.1s'", "passed", ("3 passed in 0.1s",)),
        ("echo 'no tests ran'; exit 5", "left out", ("the package has no tests",)),
        (
            "echo 'FAILED a'; echo x; echo 'ERROR b'; echo '1 failed'; exit 1",
            "failed",
            ("FAILED a", "ERROR b", "1 failed"),
        ),
        (
            "for n in 1 2 3 4 5 6 7; do echo FAILED $n; done; echo '7 failed'; exit 1",
            "failed",
            (*(f"FAILED {n}" for n in range(1, 6)), "7 failed"),
        ),
        ("echo 'cannot start' >&2; exit 2", "failed", ("cannot start",)),
    ],
)
def test_a_package_s_own_tests_are_told_by_their_last_line_and_up_to_five_failures(tmp_path, script, state, reasons):
    source = tmp_path / "source"
    source.mkdir()
    assert _own_tests(stand_in(tmp_path, script), source) == Check("own tests", state, reasons)


def test_what_a_user_set_about_plugins_does_not_reach_the_process(tmp_path, monkeypatch):
    monkeypatch.setenv(discovery.ONLY, "other")
    monkeypatch.setenv("HANDBONE_STRICT_PLUGINS", "1")
    monkeypatch.setenv("HANDBONE_CONFIG", "/of/the/user")
    found = _surroundings(tmp_path)
    assert discovery.ONLY not in found and "HANDBONE_STRICT_PLUGINS" not in found
    assert found["HANDBONE_CONFIG"] == str(tmp_path / "config") and found["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("./nowhere", "./nowhere: is not a folder; give the folder that contains the package's pyproject.toml"),
        ("handbone-nowhere", "there is no folder handbone-nowhere either"),
    ],
)
def test_what_is_neither_a_folder_nor_a_plugin_is_refused(what, words):
    with pytest.raises(HandboneError) as caught:
        list(check.check(what))
    assert words in str(caught.value)


def test_a_file_is_no_package(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"")
    with pytest.raises(HandboneError, match="is not a folder"):
        list(check.check(str(tmp_path / "a.whl")))
    (tmp_path / "source").mkdir()
    with pytest.raises(HandboneError, match=r"there is no pyproject\.toml, so this is not a package"):
        list(check.check(str(tmp_path / "source")))


def test_a_copy_leaves_out_what_builds_and_environments_leave_behind(tmp_path):
    source = tmp_path / "source"
    for name in ("mine/a.py", "tests/test_a.py", "dist/a.whl", "mine/__pycache__/a.pyc", ".venv/b", "a.egg-info/c"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("x")
    (source / "pyproject.toml").write_text("[project]")
    copied = environment.copy_source(source, tmp_path / "copy")
    files = {path.relative_to(copied).as_posix() for path in copied.rglob("*") if path.is_file()}
    assert files == {"pyproject.toml", "mine/a.py", "tests/test_a.py"}


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ('[build-system]\nrequires = ["pytest>=1", "numpy"]', True),
        ('[build-system]\nrequires = ["pytest", "no-such-backend==3"]', False),
        ('[build-system]\nrequires = ["==3"]', False),
        ("[build-system]\nrequires = []", True),
    ],
)
def test_the_network_is_not_asked_where_all_that_builds_is_installed(tmp_path, text, here):
    (tmp_path / "pyproject.toml").write_text(text)
    assert environment._backend_is_here(tmp_path) is here


@pytest.mark.parametrize("content", [b"[build-system", b"\xff\xfe"])
def test_a_damaged_project_file_is_told(tmp_path, content):
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(HandboneError, match=r"pyproject.toml cannot be read \("):
        environment.build_wheel(tmp_path, tmp_path / "wheels")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            "print('working'); print('ValueError: no version'); print('error: subprocess failed')",
            "ValueError: no version",
        ),
        ("print('first'); print('last words')", "last words"),
        ("pass", "no output"),
        ("print('error: ' + 'x' * 900)", "error: " + "x" * 293),
    ],
)
def test_of_an_installer_s_output_the_first_error_is_quoted(code, told):
    with pytest.raises(HandboneError) as caught:
        environment._say([sys.executable, "-c", f"{code}; raise SystemExit(1)"], "cannot be built")
    assert str(caught.value) == f"cannot be built ({told})"


def test_a_build_that_says_it_worked_and_left_nothing_is_found_out(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(installing, "build_command", lambda source, folder, options: [sys.executable, "-c", "pass"])
    with pytest.raises(HandboneError, match="its build produced no wheel"):
        environment.build_wheel(tmp_path, tmp_path / "wheels")


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDBONE_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv(discovery.ONLY, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    for place in (examine, contract):
        monkeypatch.setattr(place, "heavy_imports", lambda module: ["torch"] if "heavy" in module else [])
    before = set(sys.modules)
    yield tmp_path / "site"
    for name in set(sys.modules) - before:
        if name.startswith("handbone_t"):
            del sys.modules[name]


METRIC = """
import numpy as np
@hookimpl
def handbone_metrics():
    return [MetricSpec(name="{name}", summary="{summary}", build=lambda settings: lambda a, b: np.zeros(29))]
"""


def examined(name):
    return {found.what: found for found in examine.examine_package(name)}


def test_a_sound_plugin_passes_every_check_in_order(site):
    write_plugin(site, "handbone-t-sound", HEAD + METRIC.format(name="zeros", summary="Nothing"))
    found = examined("handbone-t-sound")
    assert list(found) == ["entry point", "import and hooks", "no torch at import", "handbone_metrics", "metric zeros"]
    assert found["entry point"].reasons == ("handbone_t_sound = handbone_t_sound",)
    assert {each.state for each in found.values()} == {"passed"}
    assert found["handbone_metrics"].reasons == ("zeros",)


@pytest.mark.parametrize(
    ("name", "code", "what", "reason"),
    [
        ("handbone-t-none", "x = 1", "hooks", "the plugin registers nothing: mark its functions with @hookimpl"),
        ("handbone-t-torn", "import nothing_such", "import and hooks", "needs the module 'nothing_such'"),
        ("handbone-t-heavy", HEAD + METRIC, "no torch at import", "handbone_t_heavy imports torch; import them inside"),
        (
            "handbone-t-two",
            HEAD + METRIC,
            "metric zeros",
            "the summary is one line: the summary must be one line of text",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_step(site, name, code, what, reason):
    write_plugin(site, name, code.format(name="zeros", summary="" if "two" in name else "Nothing"))
    found = examined(name)[what]
    assert found.state == "failed" and any(reason in each for each in found.reasons)


def test_a_package_without_an_entry_point_is_told_what_to_add(site):
    write_plugin(site, "handbone-t-other", "x = 1", entry="[other]\na = b\n")
    found = examined("handbone-t-other")
    assert list(found) == ["entry point"] and "add [project.entry-points.handbone]" in found["entry point"].reasons[0]


def test_a_name_of_handbone_s_own_is_mentioned_and_no_mistake(site):
    write_plugin(site, "handbone-t-taken", HEAD + METRIC.format(name="iou", summary="Mine"))
    found = examined("handbone-t-taken")["handbone_metrics"]
    assert found.state == "passed" and "'iou' is handbone's, too" in found.reasons[1]


def test_checks_are_written_one_by_one_so_that_a_killed_process_leaves_them(tmp_path, monkeypatch):
    def steps(name):
        yield Check("one", "passed", ("a",))
        yield Check("two", "failed")
        raise SystemExit(9)

    monkeypatch.setattr(examine, "examine_package", steps)
    with pytest.raises(SystemExit):
        examine.main("x", str(tmp_path / "result.json"))
    assert [each["what"] for each in json.loads((tmp_path / "result.json").read_text())] == ["one", "two"]


class Steps(Contract):
    """A contract of one test each way."""

    def test_a_fine_one(self):
        want(True, "it must", "it did not")

    def test_broken(self):
        want(False, "it must be 3", "it is 4")

    def test_exits(self):
        raise SystemExit(2)

    def test_fails(self):
        raise ValueError("two\nlines")

    def test_left(self):
        raise NotGivenError("set sample")

    test_naming_it_imports_nothing_heavy = test_the_summary_is_one_line = test_unknown_settings_are_refused = None


def test_no_test_of_a_contract_stops_the_others():
    found = {each.test: (each.state, each.reason) for each in run_contract(Steps) if each.test.split()[0] in
             ("a", "broken", "exits", "fails", "left")}  # fmt: skip
    assert found == {
        "a fine one": ("passed", ""),
        "broken": ("failed", "it must be 3, but it is 4"),
        "exits": ("failed", "SystemExit: 2"),
        "fails": ("failed", "ValueError: two lines"),
        "left": ("left out", "set sample"),
    }


def test_a_contract_without_its_plugin_says_what_to_write():
    with pytest.raises(ContractError, match="Steps needs `plugin = my_module` and `name = 'mine'`, but it lacks them"):
        Steps().spec()
    assert module_of(json) == "json" and module_of(Steps()) == __name__
