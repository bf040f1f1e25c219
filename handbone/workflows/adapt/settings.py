"""How an adaptation goes."""

from dataclasses import dataclass
from typing import get_args

from handbone.recipe import schema
from handbone.synthetic.patients import Variety

VARIETIES = get_args(Variety)

#: Looks that synthetic and own radiographs take on while the student learns.
LOOKS = schema.Augment(
    probability=0.9,
    rotate=10.0,
    wrist_bend=0.0,
    wrist_bend_probability=0.0,
    scale=0.15,
    shift=0.05,
    flip=0.5,
    elastic=0.2,
    brightness=0.1,
    contrast=0.3,
    gamma=0.4,
    noise=0.04,
    blur=0.5,
)


@dataclass(frozen=True)
class AdaptSettings:
    """The settings of an adaptation.

    Parameters
    ----------
    steps: each is one synthetic hand and one own radiograph; None for `steps_for` as many radiographs as there are.
    round_steps: after so many steps the teacher outlines the next radiographs anew.
    learning_rate: of AdamW at the first step; it falls to nothing along a cosine.
    ema: share of the teacher that each step keeps (exponential moving average of the student).
    hands: synthetic hands on which both networks are judged.
    judged: at most so many of the radiographs are outlined before and after, evenly chosen.
    seed: of everything random.
    """

    steps: int | None = None
    round_steps: int = 300
    learning_rate: float = 1e-4
    ema: float = 0.98
    hands: int = 32
    judged: int = 200
    seed: int = 0


def steps_for(radiographs: int) -> int:
    """Steps that pay for a number of radiographs: 300 for up to 100, then three each, at most 1,500."""
    return min(max(300, 3 * radiographs), 1500)
