"""segment-anything's image encoder as a network: its own features, any size, frozen or tuned."""

from functools import partial

import pytest
import torch
from torch import nn

import handbone.networks.architectures.hooks
from handbone.core.errors import HandboneError
from handbone.networks.architectures.embedding import IMAGENET_RGB
from handbone.networks.runtime import ensure_torchvision
from handbone.plugin_kit.contracts import ModelContract
from handbone.plugins import registry
from handbone.recipe.schema import Choice, Train
from handbone.training.base import parameter_groups

SIZE, PATCH = 128, 16
SMALL = {
    "img_size": SIZE,
    "patch_size": PATCH,
    "embed_dim": 32,
    "depth": 2,
    "num_heads": 2,
    "out_chans": 16,
    "window_size": 3,
    "global_attn_indexes": [1],  # as TOML and JSON give it
}


def own_encoder(**changes):
    """Meta's own class with random weights and positions."""
    ensure_torchvision()
    from segment_anything.modeling import ImageEncoderViT

    torch.manual_seed(3)
    encoder = ImageEncoderViT(use_rel_pos=True, norm_layer=partial(nn.LayerNorm, eps=1e-6), **(SMALL | changes))
    with torch.no_grad():
        for name, value in encoder.named_parameters():
            if "pos" in name:
                nn.init.normal_(value)
    return encoder.eval()


@pytest.fixture
def checkpoint(tmp_path):
    """A file as segment-anything's: the encoder's tensors between those of other parts."""
    tensors = {f"image_encoder.{name}": value for name, value in own_encoder().state_dict().items()}
    torch.save(tensors | {"mask_decoder.iou_token.weight": torch.zeros(1, 16)}, tmp_path / "sam.pth")
    return tmp_path / "sam.pth"


def build(*, in_channels=1, **settings):
    spec, settings = registry().get("model", Choice(name="sam", options=SMALL, **settings))
    return spec.build(settings, in_channels=in_channels, classes=29)


def grey(size_hw=(SIZE, SIZE)):
    return torch.rand(2, 1, *size_hw, generator=torch.Generator().manual_seed(0))


class TestTuned(ModelContract):
    plugin = handbone.networks.architectures.hooks
    name = "sam"
    settings = {"options": SMALL}
    sizes_hw = ((128, 128), (64, 64), (160, 96))


class TestFrozen(ModelContract):
    plugin = handbone.networks.architectures.hooks
    name = "sam"
    sizes_hw = ((128, 128), (96, 64))

    @pytest.fixture(autouse=True)
    def _checkpoint(self, checkpoint):
        type(self).settings = {"options": SMALL, "encoder_weights": str(checkpoint), "freeze_encoder": True}


def test_a_checkpoint_gives_segment_anythings_own_embedding(checkpoint):
    network = build(encoder_weights=str(checkpoint)).eval()
    seen = []
    network.encoder.register_forward_hook(lambda module, given, came: seen.append(came))
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in IMAGENET_RGB)
    with torch.inference_mode():
        network(grey())
        theirs = own_encoder()((grey().expand(-1, 3, -1, -1) - mean) / std)
    assert torch.allclose(seen[0], theirs, atol=1e-5)


def test_the_encoder_alone_may_be_the_file(tmp_path):
    from safetensors.torch import save_file

    save_file(own_encoder().state_dict(), tmp_path / "encoder.safetensors")
    network = build(encoder_weights=str(tmp_path / "encoder.safetensors"))
    assert torch.equal(network.encoder.pos_embed, own_encoder().pos_embed)


def test_positions_are_interpolated_between_the_encoders_own():
    encoder = build().encoder
    with torch.no_grad():
        encoder.pos_embed.copy_(torch.linspace(0, 1, SIZE // PATCH).view(1, 1, -1, 1).expand_as(encoder.pos_embed))
    wide = encoder._positions((4, 16))
    assert wide.shape == (1, 4, 16, SMALL["embed_dim"])
    middles = (torch.arange(16) + 0.5) / 2 - 0.5
    assert torch.allclose(wide[0, 0, 2:-2, 0], middles[2:-2] / (SIZE // PATCH - 1), atol=0.02)


def test_coarse_probabilities_change_the_logits_but_not_the_embedding():
    network = build(in_channels=30).eval()
    seen = []
    network.encoder.register_forward_hook(lambda module, given, came: seen.append(came))
    images = torch.cat([grey(), torch.rand(2, 29, SIZE, SIZE)], dim=1)
    with torch.inference_mode():
        with_coarse = network(images)
        images[:, 1:] = 0
        assert not torch.allclose(network(images), with_coarse)
    assert torch.equal(*seen)


def test_fine_detail_reaches_the_contours():
    # The embedding has a value for 16 pixels: what changes within them comes through the stem at full resolution.
    network = build().eval()
    nn.init.zeros_(network.encoder.neck[-1].weight)
    image = torch.zeros(1, 1, SIZE, SIZE)
    image[..., 64, 64] = 1
    with torch.inference_mode():
        apart = (network(image) - network(torch.zeros_like(image))).abs().amax(1)[0]
    assert apart[60:69, 60:69].max() > 0 and apart[64, 64] > 4 * apart[:32].max()


def test_a_frozen_encoder_has_no_gradients_and_stays_in_evaluation(checkpoint):
    network = build(encoder_weights=str(checkpoint), freeze_encoder=True).train()
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(grey()).square().mean().backward()
    optimiser.step()
    assert not network.encoder.training and network.core.decoder.training
    assert all(parameter.grad is None for parameter in network.encoder.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.encoder.state_dict().items())
    assert network.core.stem[0][0].weight.grad.abs().sum() > 0


def test_a_tuned_encoder_learns_at_its_own_rate(checkpoint):
    network = build(encoder_weights=str(checkpoint)).train()
    network(grey()).square().mean().backward()
    assert network.encoder.pos_embed.grad.abs().sum() > 0
    rates = {group["lr"] for group in parameter_groups(network, Train(lr=0.1, encoder_lr_factor=0.5))}
    assert rates == {0.1, 0.05}


def test_a_few_steps_learn_an_image(checkpoint):
    torch.manual_seed(0)
    network = build(encoder_weights=str(checkpoint), freeze_encoder=True).train()
    image = grey()[:1]
    target = (nn.functional.avg_pool2d(image, 9, stride=1, padding=4) > 0.5).float().expand(-1, 29, -1, -1)
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(network(image), target)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_the_three_encoders_have_segment_anythings_shapes():
    from segment_anything import sam_model_registry

    from handbone.networks.architectures import sam

    with torch.device("meta"):
        for name in ("vit_b", "vit_l", "vit_h"):
            theirs = {key: value.shape for key, value in sam_model_registry[name]().image_encoder.state_dict().items()}
            ours = sam._encoder(name, sam._COMMON | sam._KINDS[name]).state_dict()
            assert {key: value.shape for key, value in ours.items()} == theirs, name


def test_mistakes_are_named(checkpoint, tmp_path):
    with pytest.raises(HandboneError, match="needs pretrained weights"):
        build(freeze_encoder=True)
    with pytest.raises(HandboneError, match="there is no such weights file"):
        build(encoder_weights=str(tmp_path / "missing.pth"))
    with pytest.raises(HandboneError, match="choose weights of the same encoder"):
        spec, settings = registry().get(
            "model", Choice(name="sam", encoder_weights=str(checkpoint), options=SMALL | {"embed_dim": 64})
        )
        spec.build(settings, in_channels=1, classes=29)
    with pytest.raises(HandboneError, match="'vit_b', 'vit_l' or 'vit_h'"):
        registry().get("model", Choice(name="sam", encoder="vit_x"))
    with pytest.raises(HandboneError, match=r"cannot be built with the encoder 'vit_b'.*remove options"):
        spec, settings = registry().get("model", Choice(name="sam", options={"no_such": 1}))
        spec.build(settings, in_channels=1, classes=29)


def test_a_file_that_could_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"image_encoder.pos_embed": Harmful()}, tmp_path / "bad.pth")
    with pytest.raises(HandboneError, match="cannot be read as weights"):
        build(encoder_weights=str(tmp_path / "bad.pth"))
    assert not (tmp_path / "ran").exists()
