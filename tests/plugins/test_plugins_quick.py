"""What `handbone --help` and `handbone plugins list` may import, and that the list of commands is true."""

import subprocess
import sys

import pytest
from plugins_disk import GOOD, surroundings, write_plugin

from handbone.cli import lazy
from handbone.core.commands import COMMANDS

HEAVY = {"torch", "numpy", "pandas", "cv2", "lightning", "albumentations", "numba", "matplotlib", "torchvision"}

COMMAND_ALONE = """
from handbone.plugins import CommandSpec, hookimpl


@hookimpl
def handbone_commands():
    return [CommandSpec(name="x", summary="X", build=print)]
"""


def imported(site, *words: str) -> set[str]:
    """The outermost packages that a command has imported by its end."""
    code = (
        "import sys\nfrom handbone.cli import app\n"
        f"try:\n    app({list(words)!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('modules', *{m.partition('.')[0] for m in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=surroundings(site), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("words", [("--help",), ("plugins", "list"), ("plugins", "--help")])
def test_nothing_heavy_is_imported(tmp_path, words):
    for number in range(3):
        write_plugin(tmp_path, f"handbone-good{number}", GOOD)
    assert not imported(tmp_path, *words) & HEAVY


def test_help_does_without_pydantic_where_plugins_do(tmp_path):
    write_plugin(tmp_path, "handbone-command", COMMAND_ALONE)
    modules = imported(tmp_path, "--help")
    assert "handbone_command" in modules
    assert not modules & (HEAVY | {"pydantic"})


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_each_command_what_it_says_of_itself(name):
    module, summary = COMMANDS[name]
    command = lazy._own(name, module)
    assert " ".join((command.help or "").split("\n\n")[0].split()) == summary
