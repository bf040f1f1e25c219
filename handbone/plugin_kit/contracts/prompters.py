"""Contract of prompters; the protocol is `handbone.plugins.Prompter`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from handbone.plugin_kit.contracts.contract import Contract, want
from handbone.plugins.prompting import Prompter, Prompts

if TYPE_CHECKING:
    pass

_ATTRIBUTES = {"size": int, "mask_size": int, "encoder_id": str, "points": bool}


class PrompterContract(Contract):
    """A prompter embeds a grid once, answers prompts about it, and only its decoder learns."""

    kind = "prompter"

    def build(self) -> Prompter:
        """The prompter, checked to have what the protocol names."""
        import torch

        spec, settings = self._registered()
        prompter = spec.build(settings)
        for name, kind in _ATTRIBUTES.items():
            came = getattr(prompter, name, None)
            want(isinstance(came, kind), f"a prompter must have {name}: {kind.__name__}", f"it is {came!r}")
        decoder = getattr(prompter, "decoder", None)
        is_module = isinstance(decoder, torch.nn.Module)
        want(is_module, "a prompter's decoder must be a torch.nn.Module", f"is a {type(decoder).__name__}")
        return prompter

    def test_sizes_and_names(self) -> None:
        """Two prompters of the same settings share their cached embeddings."""
        one, other = self.build(), self.build()
        want(one.size > 0 and one.mask_size > 0, "sizes must be positive", f"are {one.size} and {one.mask_size}")
        named = bool(one.encoder_id) and one.encoder_id == other.encoder_id
        want(
            named,
            "encoder_id must name the encoder's weights, always alike",
            f"is {one.encoder_id!r} and {other.encoder_id!r}",
        )

    def test_embedding_and_candidates_have_their_shapes(self) -> None:
        """One bone and three, with and without points and masks."""
        import torch

        prompter = self.build()
        embedding = prompter.embed(_grid(prompter))
        is_tensor = isinstance(embedding, torch.Tensor) and embedding.ndim == 4 and len(embedding) == 1
        want(is_tensor, "an embedding must have the shape (1, C, h, w)", f"got {_shape(embedding)}")
        want(embedding.dtype == torch.float32, "an embedding must be float32", f"got {embedding.dtype}")
        want(bool(embedding.isfinite().all()), "an embedding must be finite", "it is not")
        side = prompter.mask_size
        for bones, points, masks in ((1, 0, False), (3, 2 * prompter.points, False), (3, 2 * prompter.points, True)):
            asked = _prompts(prompter, bones, points=points, masks=masks)
            with torch.no_grad():
                logits, iou = prompter.candidates(embedding, asked)
            case = f"of {bones} bones with {points} points{' and masks' * masks}"
            fits = logits.ndim == 4 and logits.shape[0] == bones and logits.shape[2:] == (side, side)
            want(fits, f"logits {case} must have the shape ({bones}, K, {side}, {side})", f"got {_shape(logits)}")
            wish = f"expected IoU {case} must have the shape {tuple(logits.shape[:2])}"
            want(iou.shape == logits.shape[:2], wish, f"got {_shape(iou)}")
            for name, value in {"logits": logits, "expected IoU": iou}.items():
                right = value.dtype == torch.float32 and bool(value.isfinite().all())
                want(right, f"{name} {case} must be finite float32", f"got {value.dtype}, finite or not")

    def test_only_the_decoder_learns(self) -> None:
        """Embeddings are cached: a gradient through the encoder would train nothing, or the wrong thing."""
        prompter = self.build()
        prompter.decoder.requires_grad_(True)
        embedding = prompter.embed(_grid(prompter))
        wish = "an embedding must come without gradients"
        want(not embedding.requires_grad, wish, "it asks for them")
        logits, iou = prompter.candidates(embedding, _prompts(prompter, 2))
        want(logits.requires_grad, "candidates must carry gradients to the decoder", "they carry none")
        (logits.sum() + iou.sum()).backward()
        reached = [p for p in prompter.decoder.parameters() if p.grad is not None and p.grad.any()]
        want(bool(reached), "gradients must reach the decoder", "none of its parameters gets one")
        inside = {id(p) for p in prompter.decoder.parameters()}
        others = [
            f"{name}.{inner}"
            for name, part in _modules(prompter).items()
            for inner, p in part.named_parameters()
            if id(p) not in inside and p.grad is not None
        ]
        want(not others, "nothing but the decoder must get gradients", f"{', '.join(others[:3])} got one")

    def test_the_same_question_gets_the_same_answer(self) -> None:
        """From the same prompter, and from another of the same settings."""
        import torch

        answers = []
        for prompter in (one := self.build(), one, self.build()):
            embedding = prompter.embed(_grid(prompter))
            with torch.no_grad():
                answers.append((embedding, prompter.candidates(embedding, _prompts(prompter, 2))[0]))
        for what, values in (("embedding", [a[0] for a in answers]), ("answer", [a[1] for a in answers])):
            same = all(torch.equal(values[0], each) for each in values[1:])
            want(same, f"the same image and prompts must give the same {what}", "it differs")


def _grid(prompter: Prompter) -> np.ndarray:
    return np.random.default_rng(0).random((prompter.size, prompter.size), np.float32)


def _prompts(prompter: Prompter, bones: int, *, points: int = 0, masks: bool = False) -> Prompts:
    rng, size = np.random.default_rng(1), prompter.size
    corner, side = rng.uniform(0, size / 2, (bones, 2)), rng.uniform(size / 8, size / 3, (bones, 2))
    grid = (bones, 1, prompter.mask_size, prompter.mask_size)
    return Prompts(
        boxes_xyxy=np.concatenate([corner, corner + side], axis=1).astype(np.float32),
        points_xy=(corner[:, None] + side[:, None] * rng.random((bones, points, 2))).astype(np.float32),
        labels=rng.choice(np.array([1, 0, -1]), (bones, points)).astype(np.int64),
        masks=rng.normal(0, 3, grid).astype(np.float32) if masks else None,
    )


def _modules(prompter: Prompter) -> dict[str, Any]:
    import torch

    return {name: part for name, part in vars(prompter).items() if isinstance(part, torch.nn.Module)}


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if hasattr(value, "shape") else f"a {type(value).__name__}"
