"""What the weights of one network say of themselves."""

from typing import Any

from pydantic import ConfigDict, Field

import handbone
from handbone import anatomy
from handbone.recipe.schema import Choice, Table
from handbone.weights.origin import WeightsOrigin

# Memory is taken for what a card says, so that it says no more than a network can have.
_MOST_CHANNELS, _LARGEST_SIZE = 1 << 10, 1 << 14


class WeightsCard(Table):
    """What a weights file says of itself; enough to build the network and to feed it as in training.

    Parameters
    ----------
    model: the network as the recipe named it.
    in_channels: 1, or 1 + 29 with coarse probabilities.
    size: side of the square grid that it was trained on, in pixels.
    stage: "coarse" or "refiner".
    bones: names of its output channels, in order.
    extra: what is needed beside: of a coarse network the settings of the whole method, see `handbone.method.settings`.
    training: summary of how it was trained.
    plugin: the package that provides the network, where that is not handbone itself.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: Choice
    in_channels: int = Field(ge=1, le=_MOST_CHANNELS)
    size: int = Field(ge=1, le=_LARGEST_SIZE)
    stage: str
    bones: tuple[str, ...] = anatomy.NAMES
    extra: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    handbone: str = handbone.__version__
    plugin: WeightsOrigin | None = None

    @property
    def network(self) -> str:
        """The network in words, as in "unetplusplus with tf_efficientnet_lite0, 1 channel"."""
        encoder = self.model.settings.get("encoder")
        name = f"{self.model.name} with {encoder}" if encoder else self.model.name
        return f"{name}, {self.in_channels} channel{'s' * (self.in_channels != 1)}"
