"""What training a network will hold in memory, measured on a small input and scaled."""

import torch

from handbone.networks.runtime import supports_bf16
from handbone.recipe.schema import Network
from handbone.weights.network_file import build_network

_PROBE = 128
# Python, torch and the libraries of a training process, before any network.
_BASE_GB = 0.9


def training_memory_gb(network: Network) -> float:
    """Gigabytes for weights, gradients, optimiser and the activations that one batch saves for its backward pass.

    The bytes saved by autograd are counted at 128 x 128 and scaled with the number of pixels: convolutional networks
    save in proportion to them.
    """
    module = build_network(network.model, 1, pretrained=False)
    saved: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    image = torch.zeros(2, 1, _PROBE, _PROBE)
    with (
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=supports_bf16()),
    ):
        module(image)
    parameters = sum(p.numel() for p in module.parameters()) * 4
    train = network.train
    pixels = max(train.size_at(e, network.size) ** 2 * train.batch_size_at(e) for e in range(train.epochs))
    activations = sum(saved.values()) / 2 * pixels / _PROBE**2
    # Weights, gradients and Adam's two moments; gradients of activations peak at about a third of what is saved.
    return _BASE_GB + (4 * parameters + 1.35 * activations) / 1e9
