"""How long `handbone --help` and `handbone plugins list` take with ten plugins installed: wanted are 0.35 s."""

import subprocess

import pytest
from plugins_disk import GOOD, HANDBONE, surroundings, write_plugin


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    for number in range(10):
        code = GOOD.replace("good-loss", f"loss-{number}").replace('name="say"', f'name="say-{number}"')
        write_plugin(folder, f"handbone-p{number}", code)
    return folder


@pytest.mark.parametrize("words", [("--help",), ("plugins", "list"), ("--no-plugins", "--help")], ids=" ".join)
def test_ten_plugins(benchmark, site, words):
    benchmark.group = "ten plugins"

    def command():
        done = subprocess.run([*HANDBONE, *words], env=surroundings(site), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        return done.stdout

    command()  # compiles what is imported
    shown = benchmark.pedantic(command, rounds=9)
    assert ("handbone-p9" in shown) != ("--no-plugins" in words)
