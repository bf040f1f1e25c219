"""segment-anything's checkpoints: the same answers as its own predictor gives, and clear words for wrong files."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from prompters_small import MASK_SIZE, SIZE, small_sam, write_checkpoint

from handbone.core.errors import HandboneError, ShapeError
from handbone.networks.prompters import build_prompter, choose, load_prompter
from handbone.networks.prompters.sam import OFFICIAL, SamShape, load_sam
from handbone.plugins import Prompts, registry
from handbone.recipe.schema import Choice

pytestmark = pytest.mark.slow


@pytest.fixture
def checkpoint(tmp_path):
    write_checkpoint(tmp_path / "small.pth")
    return tmp_path / "small.pth"


@pytest.fixture
def prompter(checkpoint):
    loaded = load_sam(checkpoint)
    loaded.half = False
    return loaded


def prompts(masks=None):
    return Prompts(
        boxes_xyxy=np.array([[20, 30, 90, 100]], np.float32),
        points_xy=np.array([[[55, 60], [5, 8]]], np.float32),
        labels=np.array([[1, 0]]),
        masks=masks,
    )


@pytest.mark.parametrize("with_mask", [False, True])
def test_the_answers_are_those_of_segment_anythings_own_predictor(prompter, with_mask):
    from segment_anything import SamPredictor

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SIZE, SIZE), np.uint8)
    mask = rng.normal(0, 3, (1, 1, MASK_SIZE, MASK_SIZE)).astype(np.float32) if with_mask else None
    theirs = SamPredictor(small_sam())
    theirs.set_image(np.repeat(image[..., None], 3, axis=2))
    asked = prompts(mask)
    embedding = prompter.embed((image / 255).astype(np.float32))
    with torch.no_grad():
        logits, iou = prompter.candidates(embedding, asked)
    assert torch.allclose(embedding, theirs.get_image_embedding(), atol=1e-4)
    for several, rows in ((False, slice(0, 1)), (True, slice(1, 4))):
        _, scores, low = theirs.predict(
            point_coords=asked.points_xy[0],
            point_labels=asked.labels[0],
            box=asked.boxes_xyxy[0],
            mask_input=None if mask is None else mask[0],
            multimask_output=several,
        )
        assert logits[0, rows].numpy() == pytest.approx(low, abs=1e-3)
        assert iou[0, rows].numpy() == pytest.approx(scores, abs=1e-4)


def test_many_bones_at_once_are_answered_like_each_alone(prompter):
    rng = np.random.default_rng(1)
    both = Prompts(
        np.array([[20, 30, 90, 100], [10, 10, 40, 50]], np.float32),
        rng.uniform(0, SIZE, (2, 3, 2)).astype(np.float32),
        np.array([[1, 0, -1], [1, 1, 0]]),
        rng.normal(0, 3, (2, 1, MASK_SIZE, MASK_SIZE)).astype(np.float32),
    )
    embedding = prompter.embed(rng.random((SIZE, SIZE), np.float32))
    with torch.no_grad():
        logits, iou = prompter.candidates(embedding, both)
        alone = [prompter.candidates(embedding, both.rows(row, row + 1)) for row in range(2)]
    assert logits.shape == (2, 4, MASK_SIZE, MASK_SIZE) and iou.shape == (2, 4)
    assert torch.allclose(logits, torch.cat([each[0] for each in alone]), atol=1e-4)


def test_a_box_alone_is_a_prompt(prompter):
    box = Prompts(np.array([[1, 1, 9, 9]], np.float32), np.zeros((1, 0, 2), np.float32), np.zeros((1, 0), np.int64))
    embedding = prompter.embed(np.zeros((SIZE, SIZE), np.float32))
    assert prompter.candidates(embedding, box)[0].shape == (1, 4, MASK_SIZE, MASK_SIZE)


def test_only_the_decoder_learns(prompter):
    logits, _ = prompter.candidates(prompter.embed(np.zeros((SIZE, SIZE), np.float32)), prompts())
    logits.sum().backward()
    assert any(p.grad is not None for p in prompter.decoder.parameters())
    frozen = [*prompter.encoder.parameters(), *prompter.prompt_encoder.parameters()]
    assert not any(p.requires_grad for p in frozen)


def test_shapes_tell_the_official_models_apart():
    from segment_anything import sam_model_registry

    expected = {"vit_b": (768, 12, 12, (2, 5, 8, 11)), "vit_l": (1024, 24, 16, (5, 11, 17, 23))}
    for name, shape in expected.items():
        with torch.device("meta"):
            state = sam_model_registry[name]().state_dict()
        read = SamShape.of(state)
        assert (read.width, read.depth, read.heads, read.global_blocks) == shape
        assert (read.image_size, read.patch, read.window, read.channels) == (1024, 16, 14, 256)
    assert len(set(OFFICIAL)) == 3


def test_an_unknown_file_is_named_and_its_encoder_has_an_id_of_its_own(checkpoint, tmp_path, capsys):
    first = load_sam(checkpoint)
    assert "small.pth is not an official file of segment-anything" in capsys.readouterr().err
    assert (first.size, first.mask_size) == (SIZE, MASK_SIZE)
    write_checkpoint(tmp_path / "other.pth", seed=1)
    assert load_sam(tmp_path / "other.pth").encoder_id != first.encoder_id == load_sam(checkpoint).encoder_id


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def test_files_that_are_no_checkpoints_are_refused_and_never_executed(tmp_path, capsys):
    torch.save({"image_encoder.pos_embed": torch.zeros(1, 4, 4, 8)}, tmp_path / "half.pth")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("not a checkpoint")
    (tmp_path / "empty.pth").touch()
    for path in sorted(tmp_path.glob("*.pth")):
        with pytest.raises(HandboneError, match=rf"{path.name}: .*; give segment-anything's sam_vit_b_01ec64.pth"):
            load_sam(path)
    assert "executed" not in capsys.readouterr().out


def test_a_grid_of_another_size_is_refused(prompter):
    with pytest.raises(ShapeError, match=r"\(128, 128\), but got \(64, 64\)"):
        prompter.embed(np.zeros((64, 64), np.float32))
    with pytest.raises(ShapeError, match="labels"):
        Prompts(np.zeros((2, 4), np.float32), np.zeros((2, 1, 2), np.float32), np.zeros((1, 1), np.int64))


def test_names_and_checkpoints(checkpoint, tmp_path):
    spec, prompter = load_prompter(str(checkpoint))
    assert spec.name == "segment_anything" and prompter.size == SIZE
    assert build_prompter(choose(str(checkpoint))).encoder_id == prompter.encoder_id
    with pytest.raises(HandboneError, match=r"nowhere.pth: there is no such checkpoint"):
        load_prompter(str(tmp_path / "nowhere.pth"))
    with pytest.raises(HandboneError, match="did you mean 'segment_anything'"):
        load_prompter("segmentanything")
    with pytest.raises(HandboneError, match="there is no such file"):
        build_prompter(Choice(name="segment_anything"))


def test_a_plugin_that_is_not_installed_is_named():
    if "litemedsam" in {p.spec.name for p in registry().provided("prompter")}:
        pytest.skip("handbone-medsam is installed")
    with pytest.raises(HandboneError, match=r"'litemedsam' is not installed; pip install handbone-medsam"):
        load_prompter("litemedsam")


def test_naming_a_prompter_imports_nothing_heavy():
    code = (
        "import sys; from handbone.networks.prompters import choose; from handbone.plugins import registry;"
        "registry().provided('prompter'); choose('litemedsam');"
        "sys.exit(bool({'torch', 'segment_anything', 'torchvision'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
