"""Networks in segment-anything's three parts: image encoder, prompt encoder, mask decoder (Kirillov et al. 2023)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handbone.core.errors import ShapeError
from handbone.networks import runtime
from handbone.plugins import Prompts


class ThreePartPrompter:
    """A `handbone.plugins.Prompter` of three modules with segment-anything's interfaces.

    The grid is fed as three equal channels (grid - mean) / std. It has the encoder's own side, so that none of
    segment-anything's resizing takes part, nor its `apply_image_torch`, which takes batch and channel for the sides.

    Parameters
    ----------
    encoder: (1, 3, size, size) to (1, C, h, w).
    prompt_encoder: has `get_dense_pe()` and `mask_input_size`; (points, boxes, masks) to sparse and dense embeddings.
    decoder: has `predict_masks`, which gives all four masks, that for unambiguous prompts first.
    size: side of the grid. encoder_id: as in `Prompter`.
    mean, std: (3,) of the channels, in [0, 1]. points: as in `Prompter`.
    device: by default a CUDA device where there is one; of several processes each has its own.
    """

    def __init__(
        self,
        encoder: nn.Module,
        prompt_encoder: Any,
        decoder: Any,
        *,
        size: int,
        encoder_id: str,
        mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        std: tuple[float, float, float] = (1.0, 1.0, 1.0),
        points: bool = True,
        device: str | torch.device | None = None,
    ):
        runtime.prepare()
        self.device = torch.device(device or runtime.own_device())
        self.half = runtime.supports_bf16()
        self.encoder = encoder.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        self.prompt_encoder = prompt_encoder.eval().requires_grad_(False).to(self.device)
        self.decoder = decoder.eval().to(self.device)
        self.size, self.mask_size, self.encoder_id = size, prompt_encoder.mask_input_size[0], encoder_id
        self.points = points
        self._mean, self._std = (torch.tensor(each, device=self.device).view(3, 1, 1) for each in (mean, std))

    @torch.no_grad()
    def embed(self, grid: np.ndarray) -> Tensor:
        """See `Prompter.embed`.

        Raises
        ------
        ShapeError: a grid of another size.
        """
        if np.shape(grid) != (self.size, self.size):
            raise ShapeError("the grid", f"({self.size}, {self.size})", np.shape(grid))
        image = torch.from_numpy(np.ascontiguousarray(grid, np.float32)).to(self.device)
        image = ((image - self._mean) / self._std)[None].contiguous(memory_format=torch.channels_last)
        with self._autocast():
            return self.encoder(image).float()

    def candidates(self, embedding: Tensor, prompts: Prompts) -> tuple[Tensor, Tensor]:
        """See `Prompter.candidates`."""
        boxes, points, labels = (
            torch.from_numpy(each).to(self.device) for each in (prompts.boxes_xyxy, prompts.points_xy, prompts.labels)
        )
        masks = None if prompts.masks is None else torch.from_numpy(prompts.masks).to(self.device)
        # Positions become phases of sines: bfloat16 would move a point by pixels.
        sparse, dense = self.prompt_encoder(
            points=(points, labels) if labels.shape[1] else None, boxes=boxes, masks=masks
        )
        positions = self.prompt_encoder.get_dense_pe()
        with self._autocast():
            logits, iou = self.decoder.predict_masks(
                image_embeddings=embedding.to(self.device, torch.float32),
                image_pe=positions,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
            )
        return logits.float(), iou.float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)
