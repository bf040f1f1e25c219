"""The fixtures that plugins' authors get, in a pytest session of their own; and that nothing else needs pytest."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

CONFTEST = 'pytest_plugins = ["handbone.plugin_kit.fixtures"]\n'
TESTS = """
import numpy as np
import pandas as pd
import pytest

from handbone.plugins import LossSpec, hookimpl


class Plugin:
    @hookimpl
    def handbone_losses(self):
        return [LossSpec(name="mine", summary="A loss", build=print)]


def test_hand(tiny_hand):
    assert tiny_hand.image.dtype == np.float32 and tiny_hand.image.shape == tiny_hand.masks.size_hw
    assert 0 <= tiny_hand.image.min() and tiny_hand.image.max() <= 1
    assert tiny_hand.masks.present().all()
    inside = tiny_hand.masks.dense().any(0)
    assert tiny_hand.image[inside].mean() > tiny_hand.image[~inside].mean()
    with pytest.raises(ValueError):
        tiny_hand.image[0, 0] = 1


def test_run(tiny_run):
    for name in ("recipe.toml", "manifest.json", "predictions.csv", "metrics.csv", "report.html"):
        assert (tiny_run / name).stat().st_size > 0
    assert (tiny_run / "weights/coarse.safetensors").is_file()
    assert set(pd.read_csv(tiny_run / "metrics.csv")["stage"]) == {"coarse"}


def test_manager(plugin_manager):
    assert plugin_manager.packages == () and plugin_manager.get("loss", "dice")
    plugin_manager.register(Plugin(), package="mine")
    assert plugin_manager.problems == [] and plugin_manager.get("loss", "mine")[0].name == "mine"
"""


def test_fixtures_are_had_by_one_line(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_mine.py").write_text(TESTS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "HANDBONE_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout


def test_contracts_and_checks_need_no_pytest():
    code = "import sys; sys.modules['pytest'] = None\n"
    code += "from handbone.plugin_kit.contracts.running import CONTRACTS; print(*CONTRACTS)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"model", "loss", "ensembler", "reader", "writer", "prompter", "metric"} <= set(done.stdout.split())


def test_every_kind_has_a_contract():
    from handbone.plugin_kit.contracts.running import CONTRACTS
    from handbone.plugins.checks import HOOK_OF_KIND

    assert set(CONTRACTS) == set(HOOK_OF_KIND)
