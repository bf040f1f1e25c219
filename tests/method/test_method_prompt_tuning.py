"""Tuning the mask decoder: it learns, it is continued, it never gets worse, and its weights come back."""

import numpy as np
import pytest
import torch
from prompters_small import SIZE, write_checkpoint

from handbone.anatomy import INDEX, NAMES
from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.data.grid_dataset import LabelledImage
from handbone.method.datasets import RefineDataset
from handbone.method.prompt import PROMPTER_FILE, read_prompter, save_prompter
from handbone.method.prompt_embeddings import EmbeddingCache, embed_rois
from handbone.method.prompt_tuning import DecoderTraining, Tuning
from handbone.method.prompt_tuning import tune as tune_decoder
from handbone.networks.prompters import build_prompter, choose
from handbone.recipe import schema
from handbone.weights.network_file import read_card

pytestmark = pytest.mark.slow

BONES = ("Capitate", "Lunate")


@pytest.fixture
def checkpoint(tmp_path):
    write_checkpoint(tmp_path / "small.pth")
    return tmp_path / "small.pth"


def image(number):
    """Two bright squares on black."""
    x, y = 30 + 10 * number, 40
    corners = np.array([[0, 0], [40, 0], [40, 40], [0, 40]], np.float32)
    image = np.zeros((200, 200), np.uint8)
    image[y : y + 41, x : x + 41] = image[y + 60 : y + 101, x : x + 41] = 220
    polygons = {INDEX["Capitate"]: [corners + np.float32([x, y])], INDEX["Lunate"]: [corners + np.float32([x, y + 60])]}
    return LabelledImage(f"{number}.png", lambda: image, (200, 200), polygons)


def rois(prompter, folder, count=4):
    data = RefineDataset(
        [image(0), image(1)], lambda _: Frame.around((90, 95), 190, SIZE), size=SIZE, jitter=1.0, seed=3
    )
    return embed_rois(data, count, prompter, EmbeddingCache(folder), "rois")


def prompt(checkpoint, **tune):
    return schema.Prompt(
        prompter=choose(str(checkpoint)), bones=BONES, tune=schema.Tune(**{"lr": 2e-3, "batch_size": 2, **tune})
    )


def run(checkpoint, folder, **tune):
    prompter, settings = build_prompter(choose(str(checkpoint))), prompt(checkpoint, **tune)
    made = rois(prompter, folder / "cache")
    return summary(tune_decoder(prompter, settings, made, made[:2], folder=folder / "split", seed=7))


def summary(result):
    return read_card(result.weights).training


def test_a_tuned_decoder_answers_better_than_before(checkpoint, tmp_path):
    prompter = build_prompter(choose(str(checkpoint)))
    made = rois(prompter, tmp_path / "cache")
    tuning = Tuning(prompter, prompt(checkpoint), 7)
    before = float(tuning.roi_loss(made[0], (0, 0, 0)).detach())
    told = run(checkpoint, tmp_path, epochs=40, lr=5e-3)
    tuned = read_prompter(tmp_path / "split" / "weights.safetensors")
    after = float(Tuning(tuned, prompt(checkpoint), 7).roi_loss(made[0], (0, 0, 0)).detach())
    assert after < 0.8 * before
    assert told["val_dice"] > told["val_dice_before"] + 0.1
    assert 0.85 < told["val_dice_masks"] < 1
    rows = (tmp_path / "split" / "history.csv").read_text().splitlines()
    assert len(rows) == 41 and rows[0] == "epoch,train_loss,val_dice,lr,seconds,size"
    for name, value in tuned.encoder.state_dict().items():
        assert torch.equal(value, prompter.encoder.state_dict()[name])


def test_rois_are_embedded_once_and_found_again(checkpoint, tmp_path, monkeypatch):
    prompter = build_prompter(choose(str(checkpoint)))
    first = rois(prompter, tmp_path / "cache")
    assert len({roi.embedding for roi in first}) == 4 and np.load(first[0].embedding).dtype == np.float16
    assert first[0].ground_truth.size_hw == (prompter.mask_size,) * 2
    assert [NAMES[b] for b in np.flatnonzero(first[0].ground_truth.threshold().present())] == ["Capitate", "Lunate"]
    monkeypatch.setattr(type(prompter), "embed", lambda *_: pytest.fail("embedded again"))
    assert [w.embedding for w in rois(prompter, tmp_path / "cache")] == [w.embedding for w in first]


def test_a_tuning_is_told_as_every_training_is(checkpoint, tmp_path, capfd):
    run(checkpoint, tmp_path, epochs=2)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Mask decoder: epoch")]
    assert len(lines) == 2 and lines[0].startswith("Mask decoder: epoch 1/2, loss ") and ", Dice " in lines[0]


def test_an_interrupted_tuning_goes_on_and_ends_like_one_that_was_not(checkpoint, tmp_path, monkeypatch, capfd):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    straight.mkdir()
    broken.mkdir()
    whole = run(checkpoint, straight, epochs=3)
    learned = DecoderTraining.batch_loss

    def stops(self, batch):
        if int(batch["epoch"][0]) == 2:
            raise KeyboardInterrupt
        return learned(self, batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(DecoderTraining, "batch_loss", stops)
        run(checkpoint, broken, epochs=3)
    monkeypatch.setattr(Tuning, "validate", lambda *_: pytest.fail("the decoder as it came is not judged again"))
    assert run(checkpoint, broken, epochs=3) == whole and {"val_dice_before", "val_dice_masks"} <= whole.keys()
    assert "Mask decoder: continuing after epoch 2" in capfd.readouterr().err
    ends = [torch.load(f / "split" / "last.ckpt", weights_only=True)["state_dict"] for f in (straight, broken)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    files = [(folder / "split" / "weights.safetensors").read_bytes() for folder in (straight, broken)]
    assert files[0] == files[1]
    assert run(checkpoint, broken, epochs=3) == whole, "what is through is not done again"


def test_a_loss_without_a_number_is_refused_with_what_to_do(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(
        Tuning, "roi_loss", lambda self, roi, seed: sum(p.sum() for p in self.prompter.decoder.parameters()) * torch.nan
    )
    with pytest.raises(HandboneError, match=r"the loss is not finite in epoch 1; lower prompt\.tune\.lr"):
        run(checkpoint, tmp_path, epochs=1)


def test_a_tuning_that_only_degrades_keeps_the_decoder_as_it_came(checkpoint, tmp_path):
    run(checkpoint, tmp_path, epochs=8)
    tuned = read_prompter(tmp_path / "split" / "weights.safetensors")
    made = rois(tuned, tmp_path / "cache")
    before = {name: value.clone() for name, value in tuned.decoder.state_dict().items()}
    wild = prompt(checkpoint, lr=5.0, epochs=1, gradient_clip_norm=False)
    told = summary(tune_decoder(tuned, wild, made, made[:2], folder=tmp_path / "better", seed=7))
    assert told["epoch"] == 0 and told["val_dice"] == told["val_dice_before"]
    kept = read_prompter(tmp_path / "better" / "weights.safetensors").decoder.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in before.items())


def test_no_bone_to_learn_from_is_refused(checkpoint, tmp_path):
    prompter, settings = build_prompter(choose(str(checkpoint))), prompt(checkpoint, epochs=1)
    made = rois(prompter, tmp_path / "cache")
    others = settings.model_copy(update={"bones": ("Ulna",)})
    with pytest.raises(HandboneError, match="no validation ROI shows any bone"):
        tune_decoder(prompter, others, made, made, folder=tmp_path / "split", seed=7)


def test_saved_stages_come_back_and_other_encoders_are_refused(checkpoint, tmp_path):
    prompter = build_prompter(choose(str(checkpoint)))
    with torch.no_grad():
        prompter.decoder.iou_token.weight.fill_(0.5)
    path = save_prompter(tmp_path / PROMPTER_FILE, prompter, choose(str(checkpoint)))
    assert read_card(path).stage == "prompter"
    back = read_prompter(path)
    assert (back.decoder.iou_token.weight == 0.5).all()
    write_checkpoint(checkpoint, seed=1)
    with pytest.raises(HandboneError, match="decoder belongs to another encoder"):
        read_prompter(path)
    checkpoint.unlink()
    with pytest.raises(HandboneError, match="there is no such file"):
        read_prompter(path)
