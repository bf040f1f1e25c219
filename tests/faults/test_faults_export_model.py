"""Exporting networks while the disk fills."""

import errno

import pytest
import torch

from handbone.workflows.export_model.formats import write_network


@pytest.fixture
def network():
    """A network of 2 MB."""
    return torch.nn.Sequential(torch.nn.Conv2d(1, 64, 3), torch.nn.Conv2d(64, 1024, 3), torch.nn.Conv2d(1024, 29, 1))


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_full_disk_is_said_to_be_full(format, network, disk):
    with disk("size=1m") as (folder, _), pytest.raises(OSError) as told:
        write_network(network, folder, "coarse", (1, 1, 32, 32), format)
    assert told.value.errno == errno.ENOSPC
