"""Synthetic images drawn while a network trains: as many as it likes, none twice, no files."""

from dataclasses import dataclass

import numpy as np

from handbone.data.labelled_image import LabelledImage
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.patients import Variety, draw_patient
from handbone.synthetic.texture import Looks

# Draws by seed and patient in written sets start with these numbers too; the stream must not meet their patients.
_STREAM = 77


@dataclass(frozen=True)
class SyntheticStream:
    """Images by epoch and index, the same for the same seed.

    Parameters
    ----------
    count: images of an epoch. variety: see `draw_hand`. seed: of all of them.
    spread: times the usual variation from patient to patient. bent: share of bent wrists; None for the usual one.
    looks: see `draw_hand`.
    """

    count: int
    variety: Variety = "diverse"
    seed: int = 0
    spread: float = 1.0
    bent: float | None = None
    looks: Looks = "training"

    def __len__(self) -> int:
        return self.count

    def draw(self, epoch: int, index: int, size: int) -> LabelledImage:
        """An image with sides of at most `size` pixels, and its contours."""
        rng = np.random.default_rng([self.seed, _STREAM, epoch, index])
        bent = None if self.bent is None else bool(rng.random() < self.bent)
        patient = None if self.spread == 1.0 else draw_patient(rng, self.variety, spread=self.spread)
        hand = draw_hand(rng, size=size, variety=self.variety, bent=bent, patient=patient, looks=self.looks)
        return LabelledImage(
            f"synthetic hand-{self.seed}-{epoch}-{index}.png",
            lambda: hand.image,
            hand.masks.size_hw,
            hand.masks.polygons(),
        )
