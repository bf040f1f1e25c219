"""Contract of losses."""

from typing import TYPE_CHECKING

from handbone.anatomy import COUNT
from handbone.networks import runtime
from handbone.plugin_kit.contracts.contract import Contract, want

if TYPE_CHECKING:
    from torch import Tensor, nn

# More pixels than half precision can count.
_SIDE = 272
_SURE = 10.0


class LossContract(Contract):
    """A loss maps logits and coverage in [0, 1], both (N, 29, H, W), to a scalar that falls as masks get better."""

    kind = "loss"

    def build(self) -> "nn.Module":
        """The loss as a training builds it."""
        runtime.prepare(threads=1)  # images are small: threads would only wait for each other
        import torch

        spec, settings = self._registered()
        loss = spec.build(settings)
        is_module = isinstance(loss, torch.nn.Module)
        want(is_module, "build must return a torch.nn.Module", f"returned a {type(loss).__name__}")
        return loss

    def value(self, logits: "Tensor", target: "Tensor", case: str) -> "Tensor":
        """The loss of a case, which errors name; checked to be a finite float32 scalar."""
        import torch

        came = self.build()(logits, target)
        want(isinstance(came, torch.Tensor), f"the loss of {case} must be a tensor", f"got a {type(came).__name__}")
        want(came.shape == (), f"the loss of {case} must be a scalar", f"got the shape {tuple(came.shape)}")
        want(came.dtype == torch.float32, f"the loss of {case} must be float32", f"got {came.dtype}")
        want(bool(came.isfinite()), f"the loss of {case} must be finite", f"got {came.item()}")
        return came

    def test_it_is_a_scalar_with_gradients(self) -> None:
        """And neither input is changed."""
        import torch

        target = _discs()
        logits = torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
        kept = logits.clone(), target.clone()
        logits.requires_grad_()
        came = self.value(logits, target, "random logits")
        want(came.requires_grad, "the loss must be differentiable", "it has no gradient")
        came.backward()
        has = logits.grad is not None and bool(logits.grad.isfinite().all()) and bool(logits.grad.any())
        want(has, "the gradient of random logits must be finite and not zero", "it is not")
        same = torch.equal(logits.detach(), kept[0]) and torch.equal(target, kept[1])
        want(same, "the loss must not change its inputs", "it changed one")

    def test_ground_truth_is_better_than_wrong_masks(self) -> None:
        """Than the opposite, than nothing, and than the same masks shifted."""
        import torch

        target = _discs()
        ground_truth = float(self.value(_logits(target), target, "the ground truth"))
        wrong = {
            "the opposite": 1 - target,
            "nothing": torch.zeros_like(target),
            "shifted masks": target.roll(12, dims=3),
        }
        for case, masks in wrong.items():
            other = float(self.value(_logits(masks), target, case))
            want(
                ground_truth < other,
                f"the ground truth must have a lower loss than {case}",
                f"has {ground_truth:.4g} against {other:.4g}",
            )

    def test_bones_may_lie_on_each_other(self) -> None:
        """Bones overlap in radiographs: every channel is a sigmoid of its own, never one of a softmax."""
        apart = _discs()
        target = apart[:, :1].expand_as(apart).clone()
        best = float(self.value(_logits(apart), apart, "the ground truth"))
        together = float(self.value(_logits(target), target, "all bones at one place"))
        nothing = float(self.value(_logits(0 * target), target, "nothing"))
        wish = "bones at one place, all found, must have about the lowest loss"
        came = f"it is {together:.4g}, {best:.4g} where they lie apart and {nothing:.4g} for nothing"
        want(together - best < 0.1 * (nothing - best), wish, f"{came}; does it use a softmax over channels?")
        without = target.clone()
        without[:, 0] = 0
        one_less = float(self.value(_logits(without), target, "all but one of the bones at one place"))
        wish = "bones at one place must have a lower loss when all are found than when one is missed"
        want(together < one_less, wish, f"it is {together:.4g} and {one_less:.4g}")

    def test_it_is_finite_at_the_ends(self) -> None:
        """Images without any bone, full of bone, and logits of a network that is quite sure; gradients too."""
        import torch

        empty = torch.zeros(1, COUNT, 32, 32)
        for words, target in {"targets without bone": empty, "targets full of bone": torch.ones_like(empty)}.items():
            for strength in (0.0, -100.0, 100.0):
                logits = torch.full_like(target, strength).requires_grad_()
                self.value(logits, target, f"{words} and logits of {strength:g}").backward()
                finite = logits.grad is not None and bool(logits.grad.isfinite().all())
                want(finite, f"the gradient of {words} at logits of {strength:g} must be finite", "it is not")

    def test_half_precision_around_it_changes_little(self) -> None:
        """Training calls it on float32 under autocast; sums over an image overflow in half precision."""
        import torch

        target = _discs(side=_SIDE, batch=1)
        logits = _logits(target) + torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
        exact = float(self.value(logits, target, "a large image"))
        for dtype in (torch.bfloat16, torch.float16):
            with torch.autocast("cpu", dtype):
                came = float(self.value(logits, target, f"a large image under {dtype} autocast"))
            wish = f"the loss under {dtype} autocast must be close to that in float32"
            want(abs(came - exact) <= 0.02 * max(abs(exact), 1e-2), wish, f"it is {came:.4g} instead of {exact:.4g}")

    def test_it_is_the_same_twice(self) -> None:
        """The same masks, the same loss: also the second time that one object is asked."""
        target = _discs()
        loss, logits = self.build(), _logits(target.roll(3, dims=2))
        first, again = float(loss(logits, target)), float(loss(logits, target))
        want(first == again, "the loss must be the same for the same masks", f"is {first!r} and then {again!r}")


def _discs(*, side: int = 64, batch: int = 2) -> "Tensor":
    """Targets (batch, 29, side, side): discs that overlap, with half-covered pixels at their rims."""
    import torch

    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    planes = []
    for bone in range(COUNT):
        row, column = divmod(bone, 6)
        away = torch.hypot(y - side * (row + 1) / 7, x - side * (column + 1) / 8)
        planes.append((side / 8 - away).clamp(-0.5, 0.5) + 0.5)
    return torch.stack(planes).expand(batch, -1, -1, -1).clone()


def _logits(masks: "Tensor") -> "Tensor":
    """What a network that is sure of these masks gives."""
    return _SURE * (2 * masks - 1)
