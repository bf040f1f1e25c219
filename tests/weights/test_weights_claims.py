"""Weights files whose cards claim more than they hold: refused before the memory is taken."""

import json
import struct

import pytest
import torch
from fuzzing import peak_bytes
from weights_small import save

from handbone.core.errors import HandboneError
from handbone.networks.unfilled import _BESIDE, Unfilled
from handbone.weights.network_file import load_weights


def claiming(path, channels):
    """A small network's file whose card says that its decoder has so many channels."""
    good = save(path, "coarse").read_bytes()
    length = struct.unpack("<Q", good[:8])[0]
    header = json.loads(good[8 : 8 + length])
    card = json.loads(header["__metadata__"]["handbone"])
    card["model"]["options"]["decoder_channels"] = channels
    header["__metadata__"]["handbone"] = json.dumps(card)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + good[8 + length :])
    return path


@pytest.mark.parametrize("channels", [[2**31, 8, 8], [8, 2**31, 8], [8, 8, 2**31], [2**20, 2**20, 8], [2**27, 8, 8]])
def test_a_card_that_names_a_huge_network_takes_no_memory(tmp_path, channels):
    """Constants of such a network alone took 25 GB, which ended the process without a word."""
    path = claiming(tmp_path / "coarse.safetensors", channels)
    before = peak_bytes()
    with pytest.raises(HandboneError, match=r"far larger than its weights") as caught:
        load_weights(path)
    assert str(path) in str(caught.value)
    assert peak_bytes() - before < 1e9


def test_a_network_of_its_own_size_is_built(tmp_path):
    network, card = load_weights(claiming(tmp_path / "coarse.safetensors", [8, 8, 8]))
    assert card.size == 64 and next(network.parameters()).isfinite().all()


@pytest.mark.parametrize(
    "made", [lambda n: torch.ones(n), lambda n: torch.zeros(size=(n,)), lambda n: torch.full((1, n), 2.0)]
)
def test_what_is_made_in_pieces_counts_together(made):
    piece = _BESIDE // 4 + 100
    with Unfilled(0):
        kept = [made(piece) for _ in range(3)]
        with pytest.raises(HandboneError):
            made(piece)
    assert len(kept) == 3
