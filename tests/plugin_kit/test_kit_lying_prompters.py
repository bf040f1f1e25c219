"""Prompters that do not do what they say: the contract finds them out and says so in words."""

import pytest
import torch
from plugins_lying import complaints
from torch import nn

from handbone.plugin_kit.contracts import PrompterContract
from handbone.plugins.specs import PrompterSpec


class SmallPrompter:
    """A prompter with nothing to hide, of two layers; lying plugins change one thing."""

    size, mask_size, encoder_id, points = 32, 16, "small", True

    def __init__(self):
        torch.manual_seed(0)
        self.encoder = nn.Conv2d(1, 4, 3, stride=4, padding=1).requires_grad_(False)
        self.decoder = nn.Conv2d(5, 3, 1)

    def embed(self, grid):
        return self.encoder(torch.from_numpy(grid)[None, None])

    def candidates(self, embedding, prompts):
        boxes = torch.from_numpy(prompts.boxes_xyxy).mean(1).view(-1, 1, 1, 1) / self.size
        place = boxes.expand(-1, 1, *embedding.shape[2:])
        deep = torch.cat([embedding.expand(len(prompts), -1, -1, -1), place], dim=1)
        logits = nn.functional.interpolate(self.decoder(deep), size=(self.mask_size,) * 2)
        return logits, logits.mean((2, 3))


class Nameless(SmallPrompter):
    encoder_id = ""


class NoDecoder(SmallPrompter):
    def __init__(self):
        super().__init__()
        self.decoder = None


class Flat(SmallPrompter):
    def embed(self, grid):
        return super().embed(grid)[0]


class WrongGrid(SmallPrompter):
    def candidates(self, embedding, prompts):
        logits, iou = super().candidates(embedding, prompts)
        return logits[..., ::2, ::2], iou


class OneIoU(SmallPrompter):
    def candidates(self, embedding, prompts):
        logits, iou = super().candidates(embedding, prompts)
        return logits, iou[:, :1]


class Awake(SmallPrompter):
    def __init__(self):
        super().__init__()
        self.encoder.requires_grad_(True)


class Leaky(SmallPrompter):
    def __init__(self):
        super().__init__()
        self.neck = nn.Conv2d(4, 4, 1)

    def candidates(self, embedding, prompts):
        return super().candidates(self.neck(embedding), prompts)


class Frozen(SmallPrompter):
    def candidates(self, embedding, prompts):
        return tuple(each.detach() for each in super().candidates(embedding, prompts))


class Unseeded(SmallPrompter):
    def __init__(self):
        super().__init__()
        torch.seed()
        nn.init.normal_(self.encoder.weight)


@pytest.mark.parametrize(
    ("prompter", "words"),
    [
        (Nameless, "encoder_id must name the encoder's weights, always alike, but is '' and ''"),
        (NoDecoder, "decoder must be a torch.nn.Module, but is a NoneType"),
        (Flat, "an embedding must have the shape (1, C, h, w), but got (4, 8, 8)"),
        (WrongGrid, "must have the shape (1, K, 16, 16), but got (1, 3, 8, 8)"),
        (OneIoU, "must have the shape (1, 3), but got (1, 1)"),
        (Awake, "an embedding must come without gradients, but it asks for them"),
        (Leaky, "nothing but the decoder must get gradients, but neck.weight, neck.bias got one"),
        (Frozen, "candidates must carry gradients to the decoder, but they carry none"),
        (Unseeded, "the same image and prompts must give the same embedding, but it differs"),
        (object, "a prompter must have size: int, but it is None"),
    ],
)
def test_lying_prompters_are_found_out(prompter, words):
    spec = PrompterSpec(name="mine", summary="A prompter", build=lambda settings: prompter())
    found = complaints(PrompterContract, spec)
    assert any(words in reason for reason in found.values()), found


def test_an_honest_prompter_passes():
    spec = PrompterSpec(name="mine", summary="A prompter", build=lambda settings: SmallPrompter())
    assert complaints(PrompterContract, spec) == {}
