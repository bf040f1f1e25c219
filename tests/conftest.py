"""What tests of several folders share."""

import pytest
import torch


@pytest.fixture(scope="module")
def one_thread():
    """Networks this small only lose time to threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
