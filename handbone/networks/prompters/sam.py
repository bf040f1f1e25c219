"""segment-anything's checkpoints as prompters: vit_b, vit_l, vit_h, and any fine-tuned file of the same shapes."""

import pickle
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from handbone.core.errors import HandboneError
from handbone.core.files import expanded, sha256_of
from handbone.core.progress import console
from handbone.networks import runtime
from handbone.networks.prompters.three_part import ThreePartPrompter

#: sha256 of the three official files: sam_vit_b_01ec64, sam_vit_l_0b3195, sam_vit_h_4b8939.
OFFICIAL = (
    "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
)
_ENCODER, _PROMPT, _DECODER = "image_encoder.", "prompt_encoder.", "mask_decoder."
# Mean and standard deviation of ImageNet's colours, with which all of them were trained.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Not to be seen in shapes; the same in all of them.
_DECODER_HEADS = 8
_REMEDY = "give segment-anything's sam_vit_b_01ec64.pth, sam_vit_l_0b3195.pth or sam_vit_h_4b8939.pth"


@dataclass(frozen=True)
class SamShape:
    """The architecture of a network, inferred from its checkpoint's shapes.

    Parameters
    ----------
    image_size: side in pixels of what the encoder reads. patch: side of a patch.
    width, depth, heads: of the encoder. window: side in patches of its local attention.
    global_blocks: which of its blocks look at the whole image.
    channels: of embeddings. mask_channels: of the mask prompt's inner layer. mlp: width inside the decoder.
    """

    image_size: int
    patch: int
    width: int
    depth: int
    heads: int
    window: int
    global_blocks: tuple[int, ...]
    channels: int
    mask_channels: int
    mlp: int

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> Self:
        """Infer it from a state dict; KeyError if it is not one of segment-anything."""
        side, width = state[f"{_ENCODER}pos_embed"].shape[1:4:2]
        patch = state[f"{_ENCODER}patch_embed.proj.weight"].shape[-1]
        depth = sum(name.startswith(f"{_ENCODER}blocks.") and name.endswith("norm1.weight") for name in state)
        # Relative positions reach over a block's window: (2 * side - 1, width of a head).
        reach = [state[f"{_ENCODER}blocks.{block}.attn.rel_pos_h"].shape for block in range(depth)]
        local = [(rows + 1) // 2 for rows, _ in reach if (rows + 1) // 2 != side]
        return cls(
            image_size=side * patch,
            patch=patch,
            width=width,
            depth=depth,
            heads=width // reach[0][1],
            window=local[0] if local else 0,
            global_blocks=tuple(block for block, (rows, _) in enumerate(reach) if (rows + 1) // 2 == side),
            channels=state[f"{_ENCODER}neck.0.weight"].shape[0],
            mask_channels=state[f"{_PROMPT}mask_downscaling.3.weight"].shape[0],
            mlp=state[f"{_DECODER}transformer.layers.0.mlp.lin1.weight"].shape[0],
        )


def load_sam(checkpoint: str | Path) -> ThreePartPrompter:
    """The prompter of a checkpoint; the file is read as tensors only, nothing in it is executed.

    Raises
    ------
    HandboneError: no such file, or none of segment-anything's shapes.
    """
    path = expanded(checkpoint)
    if not path.is_file():
        raise HandboneError("there is no such checkpoint", where=path, remedy=_REMEDY)
    sha256 = sha256_of(path)
    if sha256 not in OFFICIAL:
        console.print(
            f"{path.name} is not an official file of segment-anything; its architecture follows from its tensor shapes",
            markup=False,
            highlight=False,
        )
    state = _read(path)
    try:
        parts = build_parts(SamShape.of(state))
        for prefix, part in zip((_ENCODER, _PROMPT, _DECODER), parts, strict=True):
            inner = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            part.load_state_dict(inner, assign=True)
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        what = f"does not have segment-anything's shapes ({str(error).strip().splitlines()[0][:200]})"
        raise HandboneError(what, where=path, remedy=_REMEDY) from None
    return ThreePartPrompter(*parts, size=parts[0].img_size, encoder_id=sha256[:16], mean=_MEAN, std=_STD)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError):
        # torch's own words advise to execute what the file holds.
        what = "is damaged, or contains something other than tensors"
        raise HandboneError(what, where=path, remedy=_REMEDY) from None
    if not isinstance(state, dict):
        raise HandboneError(f"contains a {type(state).__name__} instead of tensors", where=path, remedy=_REMEDY)
    return state


def build_parts(shape: SamShape) -> tuple[nn.Module, Any, Any]:
    """Image encoder, prompt encoder and mask decoder without values, to be filled with `assign=True`."""
    runtime.ensure_torchvision()
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer

    side = shape.image_size // shape.patch
    # Random values that are replaced at once would cost vit_h several seconds and twice its memory.
    with torch.device("meta"):
        encoder = ImageEncoderViT(
            img_size=shape.image_size,
            patch_size=shape.patch,
            embed_dim=shape.width,
            depth=shape.depth,
            num_heads=shape.heads,
            out_chans=shape.channels,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=shape.window,
            global_attn_indexes=shape.global_blocks,
        )
        prompt_encoder = PromptEncoder(
            embed_dim=shape.channels,
            image_embedding_size=(side, side),
            input_image_size=(shape.image_size, shape.image_size),
            mask_in_chans=shape.mask_channels,
        )
        decoder = MaskDecoder(
            transformer_dim=shape.channels,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=shape.channels, num_heads=_DECODER_HEADS, mlp_dim=shape.mlp
            ),
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        )
    return encoder, prompt_encoder, decoder
