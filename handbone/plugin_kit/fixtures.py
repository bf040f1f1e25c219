"""pytest fixtures for plugins; a conftest.py has them by `pytest_plugins = ["handbone.plugin_kit.fixtures"]`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from handbone.core.bone_masks import BoneMasks
from handbone.plugins import PluginManager

_SMALLEST = (
    "refine=false",
    "synthetic.train=4",
    "synthetic.test=1",
    "coarse.size=64",
    "coarse.train.progressive_resizing=[]",
    "coarse.train.epochs=1",
)


@dataclass(frozen=True, eq=False)
class TinyHand:
    """A small drawn radiograph.

    Parameters
    ----------
    image: float32 (256, 256) in [0, 1]; not to be written to.
    masks: of all 29 bones, exact.
    """

    image: np.ndarray
    masks: BoneMasks


@pytest.fixture(scope="session")
def tiny_hand() -> TinyHand:
    """A synthetic hand with its masks, the same one every time."""
    from handbone.synthetic import draw_hand

    drawn = draw_hand(3, size=256)
    image = drawn.image.astype(np.float32) / 255
    image.setflags(write=False)
    return TinyHand(image, drawn.masks)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of the recipe `tiny`, made as small as it gets: one network, one epoch.

    Its contours are useless; its files are all there. Takes some seconds, once a session; copy it to change it.
    """
    from handbone.networks import runtime
    from handbone.runs.engine import open_run

    runtime.prepare(threads=1)
    run = open_run("tiny", _SMALLEST, tmp_path_factory.mktemp("runs") / "tiny")
    run.execute()
    return run.folder.path


@pytest.fixture
def plugin_manager() -> PluginManager:
    """A manager with the built-ins alone, to register a plugin at, whatever is installed."""
    return PluginManager(entry_points=False)
