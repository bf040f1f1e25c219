"""A recipe's loss: one term, or a weighted sum of several."""

from collections.abc import Sequence

from torch import Tensor, nn

from handbone.core.errors import ShapeError
from handbone.plugins import registry
from handbone.recipe.schema import LossTerm


class WeightedSum(nn.Module):
    """The sum of losses, each times its weight.

    Parameters
    ----------
    terms: pairs of weight and loss.
    """

    def __init__(self, terms: Sequence[tuple[float, nn.Module]]):
        super().__init__()
        self.weights = tuple(weight for weight, _ in terms)
        self.losses = nn.ModuleList(loss for _, loss in terms)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of logits and target, both (N, C, H, W).

        Raises
        ------
        ShapeError: the two differ in shape.
        """
        if logits.shape != target.shape:
            raise ShapeError("the target", f"{tuple(logits.shape)} of the logits", tuple(target.shape))
        # Once for all terms: they stay in float32 under autocast, and each would make its own copy.
        logits, target = logits.float(), target.float()
        return sum(weight * loss(logits, target) for weight, loss in zip(self.weights, self.losses, strict=True))


def build_loss(terms: Sequence[LossTerm]) -> WeightedSum:
    """The loss that a recipe names, computed in float32 also under autocast.

    >>> import torch
    >>> loss = build_loss([LossTerm(name="bce"), LossTerm(name="dice", weight=0.5)])
    >>> loss(torch.zeros(1, 29, 8, 8), torch.ones(1, 29, 8, 8)).shape
    torch.Size([])

    Raises
    ------
    UnknownNameError, HandboneError: an unknown loss or a wrong setting.
    """
    built = []
    for term in terms:
        spec, settings = registry().get("loss", term)
        built.append((term.weight, spec.build(settings)))
    return WeightedSum(built)
