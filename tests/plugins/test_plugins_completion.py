import subprocess
import sys

import pytest
from plugins_disk import GOOD, HEAD, surroundings, write_plugin

ENSEMBLER = HEAD + (
    "@hookimpl\ndef handbone_ensemblers():\n    return [EnsemblerSpec(name='median', summary='', build=print)]\n"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_plugin(folder, "handbone-good", GOOD)
    write_plugin(folder, "handbone-median", ENSEMBLER)
    write_plugin(folder, "bad", "raise SystemExit")
    (folder / "my_recipes").mkdir()
    (folder / "my_recipe.toml").touch()
    return folder


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("handbone plugins info hand", {"handbone-good", "handbone-median"}),
        ("handbone plugins enable b", {"bad"}),
        ("handbone ensemble --method me", {"mean", "median"}),
        ("handbone run ti", {"tiny"}),
        ("handbone run my", {"my_recipe.toml", "my_recipes/"}),
        ("handbone export --format co", {"coco", "contest_csv"}),
        ("handbone sa", {"say"}),
        ("handbone plug", {"plugins"}),
    ],
)
def test_the_shell_completes_names(site, line, wanted):
    code = "import sys; sys.argv = ['handbone']; from handbone.cli import main; main()"
    asked = {"_HANDBONE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**surroundings(site), **asked},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (set(done.stdout.split()), done.stderr) == (wanted, "")
