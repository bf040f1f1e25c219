"""Contract of networks."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from handbone.anatomy import COUNT
from handbone.networks import runtime
from handbone.plugin_kit.contracts.contract import Contract, want
from handbone.recipe.schema import Choice

if TYPE_CHECKING:
    from torch import Tensor, nn

# Enough for a layer that starts at zero to let gradients through to the layers before it.
_STEPS = 3
_REACH = "gradients must reach every trainable parameter (use requires_grad_(False) for frozen ones)"


class ModelContract(Contract):
    """A network maps images (N, in_channels, H, W) to float32 logits (N, 29, H, W), learns, and can be stored.

    Parameters
    ----------
    sizes_hw: heights and widths that are tried, multiples of 32.
    in_channels: numbers of channels that are tried: the radiograph, and that with 29 coarse probabilities.

    Encoder weights are left out unless `settings` names some.
    """

    kind = "model"
    sizes_hw: ClassVar[tuple[tuple[int, int], ...]] = ((128, 128), (160, 128))
    in_channels: ClassVar[tuple[int, ...]] = (1, 1 + COUNT)

    def build(self, *, in_channels: int = 1, seed: int = 0) -> "nn.Module":
        """The network as a training builds it."""
        runtime.prepare(threads=1)  # images are small: threads would only wait for each other
        import torch

        from handbone.weights.network_file import without_pretraining

        spec, settings = self._registered()
        if "encoder_weights" not in self.settings:
            settings = without_pretraining(settings)
        torch.manual_seed(seed)
        network = spec.build(settings, in_channels=in_channels, classes=COUNT)
        is_module = isinstance(network, torch.nn.Module)
        want(is_module, "build must return a torch.nn.Module", f"returned a {type(network).__name__}")
        return network

    def images(self, *, batch: int = 2, in_channels: int = 1, size_hw: tuple[int, int] | None = None) -> "Tensor":
        """Random images in [0, 1]; the same ones every time."""
        import torch

        size_hw = size_hw or self.sizes_hw[0]
        return torch.rand(batch, in_channels, *size_hw, generator=torch.Generator().manual_seed(batch))

    def test_logits_have_the_shape_of_the_images(self) -> None:
        """One image and two, the radiograph alone and with coarse probabilities, several sizes."""
        import torch

        for channels in self.in_channels:
            network = self.build(in_channels=channels).eval()
            for size in self.sizes_hw:
                for batch in (1, 2):
                    images = self.images(batch=batch, in_channels=channels, size_hw=size)
                    before = images.clone()
                    with torch.inference_mode():
                        came = network(images)
                    shown = f"for images {tuple(images.shape)}"
                    want(
                        isinstance(came, torch.Tensor),
                        f"{shown} the network must return a tensor of logits",
                        f"returned a {type(came).__name__}",
                    )
                    wish = f"{shown} logits must have the shape {(batch, COUNT, *size)}"
                    want(came.shape == (batch, COUNT, *size), wish, f"got {tuple(came.shape)}")
                    want(torch.equal(images, before), "the network must not change its input", "it changed it")

    def test_logits_are_finite_float32_and_no_probabilities(self) -> None:
        """Also for black and white images; a sigmoid at the end would be applied twice."""
        import torch

        network = self.build().eval()
        noise = self.images(batch=1)
        for name, image in {
            "noise": noise,
            "black": torch.zeros_like(noise),
            "white": torch.ones_like(noise),
        }.items():
            with torch.inference_mode():
                logits = network(image)
            want(logits.dtype == torch.float32, "logits must be float32", f"got {logits.dtype}")
            bad = int((~logits.isfinite()).sum())
            want(bad == 0, f"logits of a {name} image must be finite", f"{bad} of {logits.numel()} are not")
        want(
            not _is_squashed(network, noise),
            "a network must return logits",
            "its output is always in [0, 1], as after a sigmoid",
        )

    def test_images_of_a_batch_do_not_mix(self) -> None:
        """In evaluation an image's logits are the same alone and beside another."""
        import torch

        network, images = self.build().eval(), self.images()
        with torch.inference_mode():
            together, alone = network(images), torch.cat([network(each[None]) for each in images])
        apart = float((together - alone).abs().max())
        limit = 1e-3 * max(1.0, float(together.abs().max()))
        want(
            apart <= limit,
            "an image's logits must not depend on its neighbours in the batch",
            f"they differ by {apart:.3g}",
        )

    def test_the_same_seed_gives_the_same_network(self) -> None:
        """And in evaluation the same image gives the same logits twice."""
        import torch

        network, images = self.build().eval(), self.images()
        with torch.inference_mode():
            first, again, other = network(images), network(images), self.build().eval()(images)
        want(
            torch.equal(first, again),
            "in evaluation the same image must give the same logits",
            "they differ the second time",
        )
        want(torch.equal(first, other), "the same seed must give the same network", "its logits differ")

    def test_gradients_reach_every_trainable_parameter(self) -> None:
        """A parameter that learns nothing stops trainings that are shared by several processes."""
        network, never_moved = self._train(batch=2)
        # A bias before a norm has a gradient of zero by arithmetic; a whole layer has not.
        idle = [name for name in never_moved if network.get_parameter(name).ndim > 1]
        want(not idle, _REACH, f"the gradient of {_some(idle)} is always zero")

    def test_it_trains_on_a_single_image(self) -> None:
        """The last batch of an epoch may hold one; batch norm after global pooling often refuses it."""
        self._train(batch=1)

    def _train(self, *, batch: int) -> tuple["nn.Module", list[str]]:
        """A few steps; the network, and the parameters whose gradients were zero in all of them."""
        import torch

        channels = self.in_channels[-1]
        network = self.build(in_channels=channels).train()
        images = self.images(batch=batch, in_channels=channels)
        target = (self.images(batch=batch, in_channels=COUNT) > 0.5).float()
        trainable = {name: value for name, value in network.named_parameters() if value.requires_grad}
        want(bool(trainable), "a network must have trainable parameters", "none requires a gradient")
        optimiser = torch.optim.AdamW(trainable.values(), lr=1e-3)
        never_moved = set(trainable)
        for _ in range(_STEPS):
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(network(images), target).backward()
            missed = [name for name, value in trainable.items() if value.grad is None]
            want(not missed, _REACH, f"none reaches {_some(missed)}")
            lost = [name for name, value in trainable.items() if not value.grad.isfinite().all()]
            want(not lost, "gradients must be finite", f"those of {_some(lost)} are not")
            never_moved -= {name for name, value in trainable.items() if value.grad.any()}
            optimiser.step()
        return network, sorted(never_moved)

    def test_it_bears_bfloat16_and_channels_last(self) -> None:
        """As training and prediction feed it."""
        import torch

        network = self.build().train().to(memory_format=torch.channels_last)
        images = self.images().contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images)
        bad = int((~logits.isfinite()).sum())
        want(bad == 0, "logits under bfloat16 autocast must be finite", f"{bad} of {logits.numel()} are not")
        logits.float().mean().backward()

    def test_weights_files_bring_it_back(self) -> None:
        """What a run stores is what `predict` loads: every tensor that matters is in the state dict."""
        import torch

        from handbone.weights.network_file import WeightsCard, load_state, read_card, save_weights

        network, images = self.build(seed=1).train(), self.images()
        with torch.no_grad():
            network(images)  # running statistics are part of what has to be stored
        network.eval()
        card = WeightsCard(model=Choice(name=self.name, **self.settings), in_channels=1, size=128, stage="coarse")
        with tempfile.TemporaryDirectory() as folder:
            path = save_weights(Path(folder) / "network.safetensors", network, card)
            came = read_card(path).model
            want(came == card.model, "settings must be the same after saving and loading", f"they came back as {came}")
            other = self.build(seed=2)
            load_state(other, path)
        with torch.inference_mode():
            same = torch.equal(network(images), other.eval()(images))
        want(
            same,
            "a network loaded from a weights file must return the same logits",
            "they differ; is some tensor neither a parameter nor a buffer?",
        )


def _is_squashed(network: "nn.Module", image: "Tensor") -> bool:
    """Whether the output stays in [0, 1] whatever the weights are."""
    import torch

    def inside() -> bool:
        with torch.inference_mode():
            logits = network(image)
        return bool(((logits >= 0) & (logits <= 1)).all())

    if not inside():
        return False
    # Small or zero weights of the last layer may keep honest logits there: larger ones do not.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))
    return inside()


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
