"""Random acquisition and processing of images: styles for training, and styles held out of training."""

from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import numpy as np

from handbone.synthetic.patients import Variety
from handbone.synthetic.texture import EXPONENTS, Looks

Processing = Literal["none", "pyramid", "compressed"]


@dataclass(frozen=True)
class Look:
    """How a detector and its software turn attenuation into grey values.

    Parameters
    ----------
    scatter: share of the light that reaches a place from its surroundings. blur: focal spot and detector, in pixels of
        a 2048 image. quantum: standard deviation of the light's noise where nothing lies in its way, in a 2048
        image; it grows with the root of the light. mottle: share of it that the scintillator spreads.
    grain: power of the noise that has a power law's spectrum, as of white noise with this standard deviation in a
        2048 image, as a share of the range from black to white. exponent: of its amplitude.
    black, white: grey values of the free background and of the densest bone. gamma: of the curve between.
    halos: unsharp masks, (width in pixels of a 2048 image, strength) each. processing: what comes beside them.
    heel: fall of the background from one side to the other.
    inverted: whether bone is dark. beyond: grey value outside the collimated field. edge: how much brighter the field's
        edge is. groove: how much brighter it is on its inner side than on its outer one. clahe: clip limit of local
        contrast equalisation, 0 for none.
    raw_jpeg, jpeg: quality before and after the software's work, 0 for none. raw_scale, scale: share of its size to
        which the image is reduced, and enlarged again, before and after.
    """

    scatter: float
    blur: float
    quantum: float
    black: float
    white: float
    gamma: float
    heel: tuple[float, float]
    mottle: float = 0.5
    grain: float = 0.0
    exponent: float = EXPONENTS[3]
    halos: tuple[tuple[float, float], ...] = ()
    processing: Processing = "none"
    inverted: bool = False
    beyond: float = 0.0
    edge: float = 0.0
    groove: float = 0.0
    clahe: float = 0.0
    raw_jpeg: int = 0
    jpeg: int = 0
    raw_scale: float = 1.0
    scale: float = 1.0


class Texture(TypedDict):
    """The fields of `Tissue` that give bone and flesh their texture and each bone a grey of its own."""

    porosity: float
    rough: float
    vary: float
    slope: float
    flesh: float
    flesh_exponent: float
    looks: Looks


class _Noise(TypedDict):
    quantum: float
    mottle: float
    grain: float
    exponent: float


def draw_look(rng: np.random.Generator, variety: Variety, looks: Looks = "training") -> Look:
    """A random look: that of the contest's images, or of anything.

    Held out of training are two kinds of processing: contrast of a Laplacian pyramid, and a sigmoid's compressed tones
    with smoothed noise. A network or a gate that was fitted to unsharp masks is judged and calibrated on them.
    """
    look = _upright(rng) if variety == "upright_adult" else _any(rng)
    if looks == "held_out":
        kind: Processing = "pyramid" if rng.random() < 0.5 else "compressed"
        look = replace(look, halos=(), clahe=0.0, processing=kind)
    return look


def draw_texture(rng: np.random.Generator, variety: Variety, looks: Looks = "training") -> Texture:
    """A random texture.

    Held out of training is a texture of trabeculae: see `trabecular_pattern`.
    """
    diverse = variety == "diverse"
    return {
        "porosity": float(rng.uniform(0.02, 0.1)),
        "rough": float(rng.uniform(0.02, 0.12)),
        "vary": float(rng.uniform(0.06, 0.15) if diverse else rng.uniform(0.05, 0.09)),
        "slope": float(rng.uniform(0.02, 0.1)),
        "flesh": float(np.exp(rng.normal(np.log(0.008 if diverse else 0.022), 0.3))),
        "flesh_exponent": float(rng.choice(EXPONENTS[3:])),
        "looks": looks,
    }


def _upright(rng: np.random.Generator) -> Look:
    halos = _halos(rng, 1.2) if rng.random() < 0.85 else ()
    return Look(
        scatter=rng.uniform(0.05, 0.25),
        blur=rng.uniform(0.6, 1.4),
        **_noise(rng, halos, 0.6, quantum=0.04, grain=0.011),
        black=rng.uniform(0.02, 0.08),
        white=rng.uniform(0.8, 0.97),
        gamma=rng.uniform(0.75, 1.15),
        halos=halos,
        heel=tuple(rng.normal(0, 0.012, 2)),
        raw_scale=rng.uniform(0.55, 0.95) if rng.random() < 0.15 else 1.0,
        jpeg=int(rng.integers(60, 95)) if rng.random() < 0.15 else 0,
        scale=rng.uniform(0.55, 0.95) if rng.random() < 0.15 else 1.0,
    )


def _any(rng: np.random.Generator) -> Look:
    black = rng.uniform(0.01, 0.3) if rng.random() < 0.5 else rng.uniform(0.01, 0.1)
    halos = _halos(rng, 2.5) if rng.random() < 0.75 else ()
    return Look(
        scatter=rng.uniform(0.02, 0.4),
        blur=rng.uniform(0.6, 3.0) if rng.random() < 0.2 else rng.uniform(0.5, 1.2),
        **_noise(rng, halos, 0.8, quantum=0.021, grain=0.003),
        black=black,
        white=min(1.0, black + rng.uniform(0.3, 1.0)),
        gamma=float(np.exp(rng.normal(0, 0.3))),
        halos=halos,
        heel=tuple(rng.normal(0, 0.04, 2)),
        inverted=bool(rng.random() < 0.06),
        beyond=_beyond(rng, black),
        edge=rng.uniform(-0.1, 0.5) if rng.random() < 0.6 else 0.0,
        groove=rng.normal(0, 0.4) if rng.random() < 0.4 else 0.0,
        clahe=rng.uniform(1.0, 4.0) if rng.random() < 0.12 else 0.0,
        raw_jpeg=int(rng.integers(60, 95)) if rng.random() < 0.1 else 0,
        jpeg=int(rng.integers(35, 95)) if rng.random() < 0.2 else 0,
        raw_scale=rng.uniform(0.45, 0.95) if rng.random() < 0.15 else 1.0,
        scale=rng.uniform(0.45, 0.95) if rng.random() < 0.15 else 1.0,
    )


def _halos(rng: np.random.Generator, strongest: float) -> tuple[tuple[float, float], ...]:
    """One to three unsharp masks, as vendors mix them: a narrow one for detail, wide ones for contrast."""
    widths = np.exp(rng.uniform(np.log(2), np.log(24), rng.integers(1, 4)))
    shares = rng.dirichlet(np.ones(len(widths)))
    strength = rng.uniform(0.2, strongest)
    return tuple((float(width), float(strength * share)) for width, share in zip(widths, shares, strict=True))


def _noise(
    rng: np.random.Generator, halos: tuple[tuple[float, float], ...], spread: float, *, quantum: float, grain: float
) -> _Noise:
    """Noise of all kinds, held to `spectra.reference`; software that sharpens much gets images that bear it."""
    louder = 1 + sum(strength for _, strength in halos)
    return {
        "quantum": float(np.exp(rng.normal(np.log(quantum), 0.45 * spread))) / louder,
        "mottle": rng.uniform(0, 0.75),
        "grain": float(np.exp(rng.normal(np.log(grain), 0.4 * spread))),
        "exponent": float(rng.choice(EXPONENTS[1:])),
    }


def _beyond(rng: np.random.Generator, black: float) -> float:
    """Mostly darker than the free background, at times a shutter's grey or white."""
    kind = rng.random()
    if kind < 0.72:
        return black * rng.uniform(0.0, 0.9)
    return rng.uniform(0.85, 1.0) if kind < 0.85 else rng.uniform(0.05, 0.6)
