"""A segment-anything network small enough for tests, as a checkpoint: 128 pixels in, masks of 64 x 64 out."""

from functools import partial

import torch
from torch import nn

from handbone.networks.runtime import ensure_torchvision

SIZE, MASK_SIZE = 128, 64


def small_sam(seed=0):
    """Meta's own class with random weights."""
    ensure_torchvision()
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    torch.manual_seed(seed)
    encoder = ImageEncoderViT(
        img_size=SIZE,
        patch_size=8,
        embed_dim=32,
        depth=3,
        num_heads=2,
        out_chans=32,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        rel_pos_zero_init=False,
        window_size=4,
        global_attn_indexes=(1,),
    )
    prompt_encoder = PromptEncoder(
        embed_dim=32, image_embedding_size=(16, 16), input_image_size=(SIZE, SIZE), mask_in_chans=16
    )
    decoder = MaskDecoder(
        transformer_dim=32, transformer=TwoWayTransformer(depth=2, embedding_dim=32, num_heads=8, mlp_dim=64)
    )
    return Sam(encoder, prompt_encoder, decoder).eval()


def write_checkpoint(path, seed=0):
    sam = small_sam(seed)
    torch.save(sam.state_dict(), path)
    return sam
