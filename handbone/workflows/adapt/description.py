"""What the card of adapted weights says: where they come from and what they saw, and nothing of any patient."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handbone.core.files import sha256_of
from handbone.weights import CARD_FILE, find_weights, read_set, resolve
from handbone.weights.card import SetCard
from handbone.workflows.adapt.settings import AdaptSettings

if TYPE_CHECKING:
    from handbone.workflows.adapt.adaptation import Adaptation

_LIMITS = (
    "Fitted to the radiographs of one group; for others the weights that it was adapted from may serve better.",
    "No label was at hand: the adaptation was judged on synthetic hands and by flags, not against true contours.",
    "The refiner, its gate and the chances of a bone's presence are those of the weights that it was adapted from.",
)


@dataclass(frozen=True)
class AdaptOrigin:
    """The weights that were adapted.

    Parameters
    ----------
    sha256: of the coarse network's file.
    card: of the set; None for a run or a single file, whose path is nobody else's business.
    """

    sha256: str
    card: SetCard | None

    @property
    def name(self) -> str:
        """The set's name, or "a run"."""
        return "a run" if self.card is None else self.card.name


@dataclass(frozen=True)
class Description:
    """Facts for `handbone.weights.pack`, and the recipe of the weights that were adapted."""

    facts: dict[str, Any]
    recipe: str


def origin_of(weights: str | Path) -> AdaptOrigin:
    """Where adapted weights come from."""
    folder = resolve(weights)
    card = read_set(folder).card if (folder / CARD_FILE).is_file() else None
    return AdaptOrigin(sha256_of(find_weights(weights)[0]), card)


def describe(origin: AdaptOrigin, result: "Adaptation", settings: AdaptSettings) -> Description:
    """What the new set's card says."""
    today = datetime.now(UTC).date().isoformat()
    masks, changes, base = result.pseudo_masks, result.changes, origin.card
    data = (
        f"Adapted on {today} from {origin.name} (coarse network's sha256 {origin.sha256}) to {result.radiographs} "
        f"unlabelled radiographs of whoever adapted it, by self-training in {result.steps} steps with synthetic hands "
        f"mixed in, seed {settings.seed}; {masks['bones_used']:.0%} of the bones of {masks['used']} pseudo-masks had "
        f"weight. Before that: {base.data if base else 'not stated.'}"
    )
    metrics = {
        "synthetic hands, Dice": dict(zip(("before", "after"), result.dice, strict=True)),
        "flags on the radiographs": {"before": changes.flags_before, "after": changes.flags_after},
    }
    facts = {
        "summary": f"{origin.name}, adapted to {result.radiographs} unlabelled radiographs",
        "metrics": metrics,
        "limits": (*(base.limits if base else ()), *_LIMITS),
        "data": data,
        "licence": base.licence if base else "not stated",
    }
    return Description(facts, base.recipe if base else "")
