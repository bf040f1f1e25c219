"""What the networks of all exporting formats have in common."""

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np

from handbone import anatomy
from handbone.core.errors import ShapeError
from handbone.networks.grid_network import GridNetwork

#: Names of every exported network's input and output.
INPUT, OUTPUT = "image", "logits"


class FixedSizeNetwork(GridNetwork):
    """A network that reads one image of one size at a time.

    Parameters
    ----------
    size_hw: height and width of its grid.
    """

    def __init__(self, size_hw: tuple[int, int]):
        self.size_hw = size_hw

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Logits (N, 29, H, W) float32 of images (N, C, H, W) float32.

        Raises
        ------
        ShapeError: another size than the network's.
        """
        if batch.shape[2:] != self.size_hw:
            wanted = f"(N, C, {self.size_hw[0]}, {self.size_hw[1]})"
            raise ShapeError("the exported network's input", wanted, batch.shape)
        if len(batch) == 1:
            return self.one(batch)
        logits = np.empty((len(batch), anatomy.COUNT, *self.size_hw), np.float32)
        for row in range(len(batch)):
            logits[row] = self.one(batch[row : row + 1])[0]
        return logits

    @abstractmethod
    def one(self, batch: np.ndarray) -> np.ndarray:
        """Logits (1, 29, H, W) of one image (1, C, H, W), an array that no later call changes."""


class NetworkOfSizes(GridNetwork):
    """One network for several sizes of grids, each exported as a file of its own.

    Parameters
    ----------
    networks: (height, width) of the grid to network.
    """

    def __init__(self, networks: Mapping[tuple[int, int], GridNetwork]):
        self.networks = dict(networks)
        self.half = any(network.half for network in networks.values())

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Logits (N, 29, H, W) float32 of images (N, C, H, W) float32.

        Raises
        ------
        ShapeError: a size for which there is no file.
        """
        network = self.networks.get((batch.shape[2], batch.shape[3]))
        if network is None:
            known = " or ".join(f"(N, C, {height}, {width})" for height, width in self.networks)
            raise ShapeError("the exported network's input", known, batch.shape)
        return network(batch)
