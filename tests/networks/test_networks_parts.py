"""Parts that networks are made of: exported sizes, batch norms, first convolutions, names of weights, the denoiser."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from handbone.anatomy import COUNT
from handbone.core.errors import HandboneError, ShapeError, UnknownNameError
from handbone.networks import runtime
from handbone.networks.architectures import encoder_weights, mask_denoiser
from handbone.networks.architectures.bone_network import BatchNormOfAnySize, BoneNetwork, bear_single_values, fit_stem
from handbone.networks.architectures.smp import encoder_name
from handbone.networks.exported.fixed import FixedSizeNetwork, NetworkOfSizes
from handbone.networks.exported.opening import open_exported, runtime_of
from handbone.networks.optimisers import handbone_optimisers, handbone_schedulers


class Sums(FixedSizeNetwork):
    """Gives the mean of an image everywhere, times the number of the bone."""

    def one(self, batch):
        scale = np.arange(COUNT, dtype=np.float32)[None, :, None, None]
        return np.broadcast_to(batch.mean() * scale, (1, COUNT, *self.size_hw)).copy()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_network_of_one_size_reads_a_batch_image_by_image(count):
    batch = np.random.default_rng(0).random((count, 1, 6, 8), np.float32)
    found = Sums((6, 8))(batch)
    assert found.shape == (count, COUNT, 6, 8) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, 3, 0, 0], 3 * batch.mean((1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 8, 6), (1, 1, 6, 9)])
def test_another_size_is_refused_with_both(shape):
    with pytest.raises(ShapeError, match=r"\(N, C, 6, 8\)"):
        Sums((6, 8))(np.zeros(shape, np.float32))
    both = NetworkOfSizes({(6, 8): Sums((6, 8)), (4, 4): Sums((4, 4))})
    with pytest.raises(ShapeError, match=r"\(N, C, 6, 8\) or \(N, C, 4, 4\)"):
        both(np.zeros(shape, np.float32))
    assert both(np.ones((2, 1, 4, 4), np.float32)).shape == (2, COUNT, 4, 4)


@pytest.mark.parametrize("half", [False, True])
def test_several_sizes_are_half_where_one_is(half):
    small, large = Sums((4, 4)), Sums((8, 8))
    small.half = half
    assert NetworkOfSizes({(4, 4): small, (8, 8): large}).half is half


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("a.onnx", "auto", "onnx"),
        ("a.xml", "auto", "openvino"),
        ("a.safetensors", "auto", "torch"),
        ("a.onnx", "openvino", "openvino"),
        ("a.xml", "openvino", "openvino"),
        ("a.safetensors", "torch", "torch"),
        ("a.xml", "onnx", "does not read a network that was exported as openvino"),
        ("a.onnx", "torch", "does not read a network that was exported as onnx"),
        ("a.safetensors", "onnx", "these are weights; first export them: .*--format onnx"),
    ],
)
def test_a_file_is_computed_by_a_library_that_reads_it(tmp_path, name, asked, found):
    if found in ("onnx", "openvino", "torch"):
        assert runtime_of(tmp_path / name, asked) == found
    else:
        with pytest.raises(HandboneError, match=found):
            runtime_of(tmp_path / name, asked)


def test_weights_are_no_exported_network(tmp_path):
    with pytest.raises(HandboneError, match="is no exported network; make one with handbone export-model"):
        open_exported(tmp_path / "a.safetensors", (8, 8))


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 4))
def test_batch_norm_of_any_size_is_torchs_and_bears_one_value(seed, count, side):
    torch.manual_seed(seed)
    plain = nn.BatchNorm2d(3)
    other = nn.BatchNorm2d(3)
    other.load_state_dict(plain.state_dict())
    other = bear_single_values(nn.Sequential(other))[0]
    assert isinstance(other, BatchNormOfAnySize)
    values = torch.randn(count, 3, side, side)
    if count * side * side == 1:
        with pytest.raises(ValueError, match="more than 1 value"):
            plain(values)
        torch.testing.assert_close(other(values), plain.eval()(values))
        assert int(other.num_batches_tracked) == 0
    else:
        torch.testing.assert_close(other(values), plain(values))
        torch.testing.assert_close(other.running_var, plain.running_var)


@pytest.mark.parametrize("channels", [1, 4, 30])
def test_a_grey_image_is_worth_three_equal_colours(channels):
    torch.manual_seed(0)
    colours = nn.Conv2d(3, 5, 3, bias=False)
    fitted = fit_stem("stem", colours.weight.detach(), torch.Size((5, channels, 3, 3)))
    image = torch.rand(1, 1, 8, 8)
    further = torch.cat([image, torch.rand(1, channels - 1, 8, 8)], 1)
    torch.testing.assert_close(
        nn.functional.conv2d(further, fitted), colours(image.expand(-1, 3, -1, -1)).detach(), atol=1e-5, rtol=1e-5
    )
    again = fit_stem("stem", fitted[:, :1], torch.Size((5, channels, 3, 3)))
    assert torch.equal(again, fitted)


@pytest.mark.parametrize("shape", [(6, 1, 3, 3), (5, 1, 5, 5)])
def test_a_first_convolution_of_another_width_does_not_fit(shape):
    with pytest.raises(ShapeError, match="stem"):
        fit_stem("stem", torch.zeros(5, 3, 3, 3), torch.Size(shape))


def test_the_radiograph_alone_is_normalised():
    network = BoneNetwork(nn.Identity(), in_channels=3, grey=(0.5, 0.25))
    given = torch.rand(2, 3, 4, 4)
    came = network(given)
    torch.testing.assert_close(came[:, :1], (given[:, :1] - 0.5) / 0.25)
    assert torch.equal(came[:, 1:], given[:, 1:]) and network.encoder is None
    with pytest.raises(ShapeError, match=r"\(N, 3, H, W\)"):
        network(given[:, :2])


def tensors_of(module):
    return {name: torch.full_like(tensor, 2) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(
    "prefix", ["", "model.", "encoder.", "backbone.", "module.", "core.encoder.", "image_encoder."]
)
def test_encoder_weights_are_found_under_any_usual_prefix(prefix):
    encoder = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    given = {prefix + name: tensor for name, tensor in tensors_of(encoder).items()}
    given["classifier.weight"] = torch.zeros(3)
    encoder_weights.fill(encoder, given, where="here")
    assert all((tensor == 2).all() for tensor in encoder.state_dict().values())


def test_weights_that_lack_a_tensor_or_have_another_shape_are_refused():
    encoder = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 1))
    given = tensors_of(encoder)
    lacking = {name: tensor for name, tensor in given.items() if name != "1.weight"}
    with pytest.raises(HandboneError, match=r"lacks 1 of the encoder's 4 tensors, such as '1.weight'"):
        encoder_weights.fill(encoder, lacking, where="here")
    with pytest.raises(HandboneError, match="choose weights of the same encoder"):
        encoder_weights.fill(encoder, {**given, "1.weight": torch.zeros(7, 2, 1, 1)}, where="here")
    with pytest.raises(HandboneError, match="choose weights of the same encoder"):
        encoder_weights.fill(encoder, {**given, "1.bias": torch.zeros(7)}, where="here")


@pytest.mark.parametrize("name", ["a.pt", "a.bin", "a.safetensors", "a.ckpt"])
def test_tensors_are_read_from_files_of_tensors(tmp_path, name):
    from safetensors.torch import save_file

    given = {"a.b": torch.arange(6.0).reshape(2, 3)}
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(given, path)
    else:
        torch.save({"state_dict": given} if name == "a.ckpt" else given, path)
    found = encoder_weights.read_tensors(path)
    assert list(found) == ["a.b"] and torch.equal(found["a.b"], given["a.b"])


@pytest.mark.parametrize("content", [[1, 2], {"a": 3}, {"a": {"b": torch.zeros(1)}}])
def test_a_file_of_anything_else_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(HandboneError, match="is not a plain dictionary of tensors"):
        encoder_weights.read_tensors(tmp_path / "a.pt")
    with pytest.raises(HandboneError, match="there is no such weights file"):
        encoder_weights.read_tensors(tmp_path / "b.pt")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("no such tag"), "no such tag"),
        (OSError("cannot connect\nat all"), r"could not be downloaded \(cannot connect\)"),
        (RuntimeError(), r"could not be downloaded \(RuntimeError\)"),
    ],
)
def test_a_hub_that_fails_says_why_in_one_sentence(error, words):
    def load():
        raise error

    with pytest.raises(HandboneError, match=words):
        encoder_weights.fetch("resnet18 'imagenet'", load)


@pytest.mark.parametrize(
    ("name", "found"),
    [("resnet18", "resnet18"), ("tu-resnet18d", "tu-resnet18d"), ("convnext_tiny", "tu-convnext_tiny")],
)
def test_encoders_of_both_libraries_have_their_names(name, found):
    assert encoder_name(name) == found
    with pytest.raises(UnknownNameError, match="resnet18"):
        encoder_name("resnet81")


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_a_denoiser_starts_by_trusting_what_it_is_given(size):
    torch.manual_seed(0)
    network = mask_denoiser.build(in_channels=COUNT, classes=COUNT).eval()
    nn.init.zeros_(network.core.head.weight)
    nn.init.zeros_(network.core.head.bias)
    masks = (torch.rand(1, COUNT, *size) > 0.5).float()
    with torch.inference_mode():
        logits = network(masks)
    torch.testing.assert_close(logits, 3 * (2 * masks - 1))


def test_a_denoiser_of_other_channels_expects_little():
    network = mask_denoiser.build(in_channels=1, classes=COUNT).eval()
    with torch.inference_mode():
        shown = network(torch.zeros(1, 1, 64, 64)).sigmoid()
    assert shown.shape == (1, COUNT, 64, 64) and float(shown.mean()) < 0.1 and network.core.trust is None


def test_limits_of_threads_hold_for_the_libraries_and_are_told(monkeypatch):
    monkeypatch.setattr(runtime, "_limits", [])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    before = torch.get_num_threads()
    assert runtime.thread_limit() is None
    try:
        runtime.limit_threads(1)
        import os

        assert runtime.thread_limit() == 1 == torch.get_num_threads() and os.environ["MKL_NUM_THREADS"] == "1"
    finally:
        torch.set_num_threads(before)
    assert runtime.cores() >= 1 and isinstance(runtime.cpu_supports_bf16(), bool)


def test_optimisers_and_schedules_have_one_line_each():
    for spec in (*handbone_optimisers(), *handbone_schedulers()):
        assert spec.name and "\n" not in spec.summary and spec.settings is not None
    assert {spec.interval for spec in handbone_schedulers()} == {"epoch", "step", "validation"}
