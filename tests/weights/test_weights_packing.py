"""Packing: half the bytes, the same network but for rounding, and a card."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from weights_small import MODEL, save, write_run

from handbone.core.errors import HandboneError
from handbone.weights import card as cards
from handbone.weights import pack, read_set
from handbone.weights.network_file import WeightsCard, build_network, load_weights, read_card, save_weights


def test_half_files_load_into_the_same_network_with_rounded_numbers(tmp_path):
    card = WeightsCard(model=MODEL, in_channels=1, size=64, stage="coarse")
    network = build_network(MODEL, 1)
    network.train()(torch.rand(2, 1, 64, 64))
    whole = save_weights(tmp_path / "whole.safetensors", network, card)
    half = save_weights(tmp_path / "half.safetensors", network, card, half=True)
    assert half.stat().st_size < 0.52 * whole.stat().st_size and read_card(half) == card
    loaded, _ = load_weights(half)
    stored, state = load_file(half), network.state_dict()
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == state[name].dtype
        rounded = state[name].half() if stored[name].dtype == torch.half else state[name]
        assert torch.equal(tensor, rounded.to(tensor.dtype)), name
    assert stored["core.encoder.model.bn1.num_batches_tracked"].dtype == torch.int64
    assert stored["core.encoder.model.conv_stem.weight"].dtype == torch.half
    image = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        before, after = network.eval()(image), loaded(image)
    assert after.dtype == torch.float32
    np.testing.assert_allclose(after, before, atol=0.02 * float(before.abs().max()))


def test_what_half_precision_cannot_hold_stays_whole(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2))
    with torch.no_grad():
        network[0].weight[0] = 1e6
        network[1].running_var[0] = 1e-9
        network[1].running_mean[0] = 1e-9
    card = WeightsCard(model="none", in_channels=1, size=64, stage="coarse")
    stored = load_file(save_weights(tmp_path / "w.safetensors", network, card, half=True))
    whole = {name for name, tensor in stored.items() if tensor.dtype == torch.float32}
    assert whole == {"0.weight", "1.running_var"}
    assert stored["1.running_var"][0] == np.float32(1e-9)


def test_a_packed_run_says_where_it_comes_from(packed, run_folder):
    found = read_set(packed)
    found.verify()
    card = json.loads((packed / "card.json").read_text())
    assert card["metrics"] == {"all": {"coarse": 0.91, "merged": 0.93}} and card["limits"] == ["Untrained."]
    assert "no real radiograph" in card["data"] and 'name = "small"' in card["recipe"]
    assert "someone" not in card["recipe"] and 'path = "images"' in card["recipe"]
    for stage, path in found.files.items():
        source = run_folder / "weights" / f"{stage}.safetensors"
        assert read_card(path) == read_card(source) and path.stat().st_size < 0.52 * source.stat().st_size
    text = (packed / "MODEL_CARD.md").read_text()
    for part in ("# small", "not a medical device", "Apache-2.0", "all, merged | 0.93", "- Untrained.", "```toml"):
        assert part in text
    assert all(facts["sha256"] in text for facts in card["files"].values())
    assert {p.name for p in packed.iterdir()} == {
        "card.json",
        "MODEL_CARD.md",
        "coarse.safetensors",
        "refiner.safetensors",
    }


FOLDERS = ["/home/alice/", "~/alice/", "../alice/", "C:\\\\alice\\\\", "clinic/alice/", "file:///home/alice/"]
FOLDERS += ["\\\\\\\\server\\\\alice\\\\", "/Volumes/Alice's disk/alice/", "C:/Users/alice/", "$HOME/../alice/"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_path_of_this_machine_is_packed(tmp_path, folder):
    run = write_run(tmp_path / "run")
    written = folder.replace("\\\\", "\\")
    path = run / "weights" / "coarse.safetensors"
    module, card = load_weights(path)
    extra = {**card.extra, "prompter": {"checkpoint": f"{written}sam.pth"}}
    save_weights(path, module, card.model_copy(update={"extra": extra}))
    (run / "recipe.toml").write_text(f'[data]\npath = "{folder}x"\n[coarse]\nmodel = {{ checkpoint = "{folder}y" }}\n')
    pack(run, tmp_path / "set", name="set")
    for file in (tmp_path / "set").iterdir():
        assert b"alice" not in file.read_bytes(), file
    assert read_card(tmp_path / "set" / "coarse.safetensors").extra["prompter"] == {"checkpoint": "sam.pth"}


def test_a_single_file_is_packed_with_what_its_packer_says(tmp_path):
    file = save(tmp_path / "w.safetensors", "coarse")
    found = pack(file, tmp_path / "one", name="one", metrics={"Dice": 0.5}, data="Drawings.", licence="CC0-1.0")
    assert list(found.files) == ["coarse"] and found.licence == "CC0-1.0" and found.metrics == {"Dice": 0.5}
    assert found.card.data == "Drawings." and found.card.recipe == "" and found.card.limits == ()
    assert "## Recipe" not in cards.model_card(found.card)


def test_only_sets_are_replaced_and_only_when_asked(run_folder, packed, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    pack(run_folder, out, name="small")
    with pytest.raises(HandboneError, match=r"already contains a set of weights; .*--overwrite"):
        pack(run_folder, out, name="small")
    assert pack(run_folder, out, name="other", overwrite=True).card.name == "other"
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(HandboneError, match="already contains something else"):
        pack(run_folder, out, name="small", overwrite=True)
    with pytest.raises(HandboneError, match="already contains something else"):
        pack(run_folder, run_folder / "weights", name="small", overwrite=True)


@pytest.mark.parametrize("name", ["", "coarse", "Zero", "a/b", "..", ".a", "_a", "a b"])
def test_names_are_plain(run_folder, tmp_path, name):
    with pytest.raises(HandboneError, match="is not a valid name"):
        pack(run_folder, tmp_path / "out", name=name)
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_not_whole_leaves_nothing(tmp_path):
    run = write_run(tmp_path / "run")
    with pytest.raises(HandboneError, match="no such file"):
        pack(tmp_path / "nowhere", tmp_path / "out", name="small")
    save_file({"a": torch.zeros(1)}, run / "weights" / "refiner.safetensors")
    with pytest.raises(HandboneError, match="no handbone card"):
        pack(run, tmp_path / "out", name="small")
    save(run / "weights" / "refiner.safetensors", "coarse")
    with pytest.raises(HandboneError, match="to the stage 'coarse', but a refiner"):
        pack(run, tmp_path / "out", name="small")
    (run / "manifest.json").write_text("{")
    with pytest.raises(HandboneError, match=r"manifest\.json: is not valid JSON"):
        pack(run, tmp_path / "out", name="small")
    assert [p.name for p in tmp_path.iterdir() if "out" in p.name] == []
