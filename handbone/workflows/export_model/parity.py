"""Whether an exported network says what PyTorch says, on the inputs that the whole method gives it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from handbone.core.errors import HandboneError
from handbone.method.two_stage import TwoStage
from handbone.networks.grid_network import GridNetwork
from handbone.synthetic import draw_hand
from handbone.weights.exported import Parity

#: Mean Dice, over images and bones, below which an export is refused.
LEAST_DICE = 0.999
# The synthetic hands that are outlined for it; no training draws these seeds.
_SEEDS, _IMAGE_SIDE = (20261126, 20261127), 768


class _Recorder(GridNetwork):
    """A network that keeps what it was shown, by the shape of it."""

    def __init__(self, network: GridNetwork):
        self.network, self.half = network, network.half
        self.shown: dict[tuple[int, ...], list[np.ndarray]] = defaultdict(list)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.shown[batch.shape].append(batch.copy())
        return self.network(batch)


def shown_inputs(method: TwoStage, shown: Iterable[np.ndarray] | None = None) -> dict[str, list[np.ndarray]]:
    """What the networks of a method are shown in images: "coarse", "refiner" and "prior" to (1, C, H, W).

    A network that is shown nothing, as a refiner of weights that find no hand, has no entry.

    Parameters
    ----------
    shown: images, float32 (H, W) in [0, 1]; by default those of `images`.
    """
    coarse = _Recorder(method.coarse_stage.predictor)
    refine_stage, refiner = method.refine_stage, None
    if refine_stage is not None:
        refiner = _Recorder(refine_stage.predictor)
        refine_stage = replace(refine_stage, predictor=refiner)
    prior: list[np.ndarray] = []

    def prior_network(masks: np.ndarray) -> np.ndarray:
        prior.append(np.asarray(masks, np.float32)[None].copy())
        assert method.prior_network is not None
        return method.prior_network(masks)

    recording = replace(
        method,
        coarse_stage=replace(method.coarse_stage, predictor=coarse),
        refine_stage=refine_stage,
        prior_network=method.prior_network and prior_network,
    )
    for image in images() if shown is None else shown:
        recording.predict(image)
    found = {"coarse": [batch for several in coarse.shown.values() for batch in several], "prior": prior}
    if refiner:
        found["refiner"] = [batch for several in refiner.shown.values() for batch in several]
    return {name: batches for name, batches in found.items() if batches}


def images() -> list[np.ndarray]:
    """The synthetic hands, float32 (H, W) in [0, 1]."""
    hands = (draw_hand(seed, size=_IMAGE_SIDE, bent=bent) for seed, bent in zip(_SEEDS, (False, True), strict=True))
    return [hand.image.astype(np.float32) / 255 for hand in hands]


def compare(reference: GridNetwork, exported: GridNetwork, batches: Sequence[np.ndarray]) -> Parity:
    """How two networks' logits and masks (logits of at least 0) differ over inputs (1, C, H, W)."""
    difference, dice = 0.0, []
    for batch in batches:
        wanted, got = reference(batch)[0], exported(batch)[0]
        # A logit that is not a number is as far off as can be.
        difference = max(difference, float(np.nan_to_num(np.abs(wanted - got), nan=np.inf).max()))
        dice += _dice(wanted >= 0, got >= 0)
    finite = min(difference, float(np.finfo(np.float32).max))
    return Parity(max_difference=finite, dice=float(np.mean(dice)), images=len(batches))


def refuse_if_worse(found: Mapping[str, Parity]) -> None:
    """Raise for networks whose masks differ.

    Raises
    ------
    HandboneError: names the network and by how much it is off.
    """
    for name, parity in found.items():
        if not parity.dice >= LEAST_DICE:
            what = (
                f"the exported {name} network does not give PyTorch's masks: mean Dice {parity.dice:.4f} where "
                f"{LEAST_DICE} is the least, logits off by up to {parity.max_difference:.3g}"
            )
            raise HandboneError(what, remedy="nothing was written; try the other --format, and report this")


def _dice(wanted: np.ndarray, got: np.ndarray) -> list[float]:
    """Dice of each of 29 masks; 1 where both are empty."""
    sizes = wanted.sum((1, 2)) + got.sum((1, 2))
    shared = 2.0 * (wanted & got).sum((1, 2))
    return np.where(sizes > 0, shared / np.maximum(sizes, 1), 1.0).tolist()
