"""Phantom pictures drawn while a network trains: as many as it likes, none twice, no files."""

from dataclasses import dataclass

import numpy as np

from handbone.data.grid_dataset import LabelledPicture
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.people import Variety, draw_person

# Draws by seed and person in written sets start with these numbers too; the stream must not meet their people.
_STREAM = 77


@dataclass(frozen=True)
class PhantomStream:
    """Pictures by epoch and index, the same for the same seed.

    Parameters
    ----------
    count: pictures of an epoch. variety: see `draw_hand`. seed: of all of them.
    spread: times the usual variation from person to person. bent: share of bent wrists; None for the usual one.
    """

    count: int
    variety: Variety = "wide"
    seed: int = 0
    spread: float = 1.0
    bent: float | None = None

    def __len__(self) -> int:
        return self.count

    def draw(self, epoch: int, index: int, size: int) -> LabelledPicture:
        """A picture with sides of at most `size` pixels, and its outlines."""
        rng = np.random.default_rng([self.seed, _STREAM, epoch, index])
        bent = None if self.bent is None else bool(rng.random() < self.bent)
        person = None if self.spread == 1.0 else draw_person(rng, self.variety, spread=self.spread)
        hand = draw_hand(rng, size=size, variety=self.variety, bent=bent, person=person)
        return LabelledPicture(
            f"phantom-{self.seed}-{epoch}-{index}.png", lambda: hand.image, hand.masks.size_hw, hand.masks.rings()
        )
