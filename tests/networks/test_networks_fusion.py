"""The network that weighs logits of carpals against coarse masks: what it may change, and what it sees."""

import numpy as np
import pytest
import torch
from weights_small import SETTINGS

import handbone
from handbone import anatomy
from handbone.core.box import Box
from handbone.core.errors import HandboneError, ShapeError
from handbone.method.roi_placement import place_roi
from handbone.networks.architectures import fusion
from handbone.networks.architectures.bone_network import BoneNetwork
from handbone.networks.folding import for_prediction
from handbone.networks.partial import decoded_box, decodes_parts, logits_in
from handbone.plugins import registry
from handbone.recipe import schema
from handbone.recipe.schema import Choice

CARPALS = list(anatomy.CARPALS)
OTHERS = [bone for bone in range(anatomy.COUNT) if bone not in CARPALS]


def build(in_channels=1 + anatomy.COUNT):
    spec, settings = registry().get("model", Choice(name="unetplusplus_fusion", encoder_weights="none", **SETTINGS))
    return spec.build(settings, in_channels=in_channels, classes=anatomy.COUNT)


@pytest.fixture(scope="module")
def network():
    """One whose small U-Net says something, unlike a new one's."""
    torch.manual_seed(0)
    made = build().eval()
    torch.nn.init.normal_(made.fusion.unet.head.weight, std=0.5)
    return made


def images(count=1, side=64, seed=0):
    """Radiographs with coarse masks: rectangles that overlap."""
    rng = np.random.default_rng(seed)
    given = torch.from_numpy(rng.random((count, 1 + anatomy.COUNT, side, side), np.float32))
    given[:, 1:] = 0
    for one in given:
        for bone in range(anatomy.COUNT):
            left, top = rng.integers(0, side - 8, 2)
            one[1 + bone, top : top + 20, left : left + 20] = 1
    return given


@pytest.mark.parametrize("side", [64, 96])
@torch.inference_mode()
def test_a_new_network_adds_the_coarse_masks_of_carpals_to_its_trunk(side):
    network, given = build().eval(), images(side=side)
    trunk, fused = network.trunk(given[:, :1]), network(given)
    assert torch.equal(fused[:, OTHERS], trunk[:, OTHERS])
    change = fused - trunk
    for bone, (rows, columns) in fusion.places(trunk).items():
        inside = change[0, bone, rows, columns]
        torch.testing.assert_close(inside, 2 * given[0, 1 + bone, rows, columns] - 1, rtol=0, atol=1e-5)
        outside = change[0, bone].clone()
        outside[rows, columns] = 0
        assert not outside.any()


@torch.inference_mode()
def test_only_carpals_change_and_only_in_their_windows(network):
    given = images()
    change = network(given) - network.trunk(given[:, :1])
    assert not change[:, OTHERS].any()
    for index, (rows, columns) in fusion.places(change).items():
        bone = change[0, index]
        assert bone[rows, columns].abs().mean() > 0.01
        bone[rows, columns] = 0
        assert not bone.any()


@torch.inference_mode()
def test_images_of_a_batch_do_not_mix(network):
    both = images(2)
    torch.testing.assert_close(network(both), torch.cat([network(both[:1]), network(both[1:])]), rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_a_window_holds_its_carpal_beside_the_highest_of_all_other_bones(network, monkeypatch):
    given, seen = images(), []
    monkeypatch.setattr(
        network.fusion.unet, "forward", lambda planes: seen.append(planes) or torch.zeros_like(planes[:, :1])
    )
    logits = network.trunk(given[:, :1])
    network.fused(given, logits)
    planes = seen[0].numpy()
    bounded, known = np.tanh(logits[0].numpy() / 4), 2 * given[0, 1:].numpy() - 1
    for number, (bone, place) in enumerate(fusion.places(logits).items()):
        others = [b for b in range(anatomy.COUNT) if b != bone]
        wanted = [bounded[bone], bounded[others].max(0), known[bone], known[others].max(0)]
        for plane, expected in zip(planes[number, 1:5], wanted, strict=True):
            np.testing.assert_allclose(plane, expected[place], atol=1e-5)
        which = np.zeros(len(CARPALS))
        which[number] = 1
        np.testing.assert_array_equal(planes[number, 5:].mean((1, 2)), which)


def test_windows_hold_all_of_a_carpal_in_the_roi_of_almost_every_hand():
    inside = []
    for seed in range(12):
        variety = ("upright_adult", "diverse")[seed % 2]
        hand = handbone.draw_hand(seed, size=320, variety=variety, bent=seed % 4 < 2)
        placed = place_roi(hand.masks, schema.Roi(), 512)
        if placed.fallback != "none":
            continue
        polygons = hand.masks.polygons()
        for bone, (rows, columns) in fusion.places(torch.zeros(1, 1, 512, 512)).items():
            if not (contours := polygons.get(bone)):
                continue
            x, y = placed.frame.to_grid(np.concatenate(contours)).T
            inside.append(
                rows.start <= y.min() and y.max() < rows.stop and columns.start <= x.min() and x.max() < columns.stop
            )
    assert len(inside) > 60 and np.mean(inside) > 0.95


@pytest.mark.parametrize("side", [32, 64, 96, 288, 512])
def test_windows_are_half_the_grid_in_steps_that_the_small_network_reads(side):
    for place in fusion.places(torch.zeros(1, 1, side, side)).values():
        for ends in place:
            length = ends.stop - ends.start
            assert length % 32 == 0 and side / 2 <= length <= side / 2 + 32
            assert ends.start >= 0 and ends.stop <= side


@torch.inference_mode()
def test_a_part_of_the_grid_is_fused_as_in_the_whole(network):
    side = 256
    whole, box = images(side=side), Box(60, 60, 180, 180)
    quick = for_prediction(build().eval(), 1 + anatomy.COUNT)
    assert decodes_parts(quick)
    at = decoded_box(quick, box, (side, side))
    assert at.size_hw != (side, side)
    part = logits_in(quick, whole, at)
    assert part.shape[2:] == at.size_hw
    torch.testing.assert_close(
        part[..., *box.inside(at)], quick(whole)[..., *box.inside(Box.whole((side, side)))], rtol=1e-3, atol=1e-2
    )


def test_without_coarse_masks_it_is_its_trunk():
    assert isinstance(build(in_channels=1), BoneNetwork)


def test_other_channels_than_masks_of_all_bones_are_refused_with_what_to_do():
    with pytest.raises(
        HandboneError, match=r"29 coarse masks, not 4 channels; use it in \[refine\], with refine.coarse"
    ):
        build(in_channels=4)


def test_other_channels_are_refused_with_the_shape(network):
    with pytest.raises(ShapeError, match=r"\(N, 30, H, W\).*\(1, 29, 64, 64\)"):
        network(torch.zeros(1, 29, 64, 64))


def test_all_of_it_learns():
    network = build().train()
    torch.nn.init.normal_(network.fusion.unet.head.weight, std=0.1)
    network(images(2)).square().mean().backward()
    assert network.encoder is network.trunk.encoder
    for part in (network.encoder, network.fusion.unet):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    assert network.fusion.trust.grad.abs() > 0
