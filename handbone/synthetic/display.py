"""From attenuation to the grey values that a workstation shows."""

from dataclasses import dataclass

import cv2
import numpy as np

from handbone.synthetic.people import Variety


@dataclass(frozen=True)
class Look:
    """How a detector and its software turn attenuation into grey values.

    Parameters
    ----------
    scatter: share of the light that reaches a place from its surroundings. blur: focal spot and detector, in pixels of
        a 2048 picture. noise: standard deviation of the grey value in the middle of the range.
    black, white: grey values of the free background and of the densest bone. gamma: of the curve between.
    detail: weight of the unsharp mask that software adds. heel: fall of the background from one side to the other.
    inverted: whether bone is dark. beyond: grey value outside the collimated field. edge: how much brighter the field's
        edge is. groove: how much brighter it is on its inner side than on its outer one. clahe: clip limit of local
        contrast equalisation, 0 for none. jpeg: quality, 0 for none.
    """

    scatter: float
    blur: float
    noise: float
    black: float
    white: float
    gamma: float
    detail: float
    heel: tuple[float, float]
    inverted: bool = False
    beyond: float = 0.0
    edge: float = 0.0
    groove: float = 0.0
    clahe: float = 0.0
    jpeg: int = 0


def draw_look(rng: np.random.Generator, variety: Variety) -> Look:
    """A random look: that of the contest's pictures, or of anything."""
    if variety == "contest":
        return Look(
            scatter=rng.uniform(0.05, 0.2),
            blur=rng.uniform(0.8, 1.5),
            noise=rng.uniform(0.006, 0.016),
            black=rng.uniform(0.02, 0.08),
            white=rng.uniform(0.8, 0.97),
            gamma=rng.uniform(0.75, 1.15),
            detail=rng.uniform(0.0, 0.45),
            heel=tuple(rng.normal(0, 0.012, 2)),
        )
    black = rng.uniform(0.01, 0.3) if rng.random() < 0.5 else rng.uniform(0.01, 0.1)
    return Look(
        scatter=rng.uniform(0.02, 0.4),
        blur=rng.uniform(0.6, 3.0),
        noise=float(np.exp(rng.uniform(np.log(0.002), np.log(0.03)))),
        black=black,
        white=min(1.0, black + rng.uniform(0.3, 1.0)),
        gamma=float(np.exp(rng.normal(0, 0.3))),
        detail=rng.uniform(0.0, 0.8),
        heel=tuple(rng.normal(0, 0.04, 2)),
        inverted=bool(rng.random() < 0.06),
        beyond=_beyond(rng, black),
        edge=rng.uniform(-0.1, 0.5) if rng.random() < 0.6 else 0.0,
        groove=rng.normal(0, 0.4) if rng.random() < 0.4 else 0.0,
        clahe=rng.uniform(1.0, 4.0) if rng.random() < 0.12 else 0.0,
        jpeg=int(rng.integers(35, 95)) if rng.random() < 0.25 else 0,
    )


def _beyond(rng: np.random.Generator, black: float) -> float:
    """Mostly darker than the free background, at times a shutter's grey or white."""
    kind = rng.random()
    if kind < 0.72:
        return black * rng.uniform(0.0, 0.9)
    return rng.uniform(0.85, 1.0) if kind < 0.85 else rng.uniform(0.05, 0.6)


def to_grey(attenuation: np.ndarray, field: np.ndarray | None, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Grey values (H, W) float32 in [0, 1].

    Parameters
    ----------
    attenuation: (H, W) float32, line integrals.
    field: (H, W) float32 in [0, 1] how open the collimator is, or None where it is open everywhere.
    """
    size = attenuation.shape[0]
    light = np.exp(-attenuation)
    if field is not None:
        light *= 0.04 + 0.96 * field
    light = cv2.addWeighted(light, 1 - look.scatter, _broad(light, size * 0.03), look.scatter, 0)
    cv2.GaussianBlur(light, (0, 0), max(0.3, look.blur * size / 2048), dst=light)
    grey = -np.log(np.maximum(light, 1e-4))
    sample = grey[::8, ::8]
    low, high = np.percentile(sample, [2.0, 99.7]) if field is None else _levels(sample, field[::8, ::8])
    grey = np.clip((grey - low) / max(1e-3, high - low), 0, 1.15) ** look.gamma
    grey += look.detail * (grey - _broad(grey, size * 0.012))
    ramp_x = np.linspace(-1, 1, attenuation.shape[1], dtype=np.float32)
    ramp_y = np.linspace(-1, 1, size, dtype=np.float32)[:, None]
    grey = look.black + (look.white - look.black) * grey + look.heel[0] * ramp_x + look.heel[1] * ramp_y
    if field is not None:
        # A collimated border gets no light, but software shows it dark: it lies outside the range that it displays.
        line = 4 * field * (1 - field) * (look.edge + look.groove * (2 * field - 1))
        grey = look.beyond + (grey + line - look.beyond) * field
    noise = rng.standard_normal(attenuation.shape, dtype=np.float32)
    if look.blur > 1.2:
        noise = cv2.blur(noise, (2, 2)) * 1.6
    grey += noise * (look.noise * (0.5 + grey))
    grey = np.clip(grey, 0, 1)
    return _processed(1 - grey if look.inverted else grey, look)


def _processed(grey: np.ndarray, look: Look) -> np.ndarray:
    if not look.clahe and not look.jpeg:
        return grey
    image = np.rint(grey * 255).astype(np.uint8)
    if look.clahe:
        image = cv2.createCLAHE(look.clahe, (8, 8)).apply(image)
    if look.jpeg:
        image = cv2.imdecode(
            cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg])[1], cv2.IMREAD_GRAYSCALE
        )
    return image.astype(np.float32) / 255


def _levels(sample: np.ndarray, field: np.ndarray) -> tuple[float, float]:
    inside = sample[field > 0.9]
    return tuple(np.percentile(inside if inside.size > 50 else sample, [2.0, 99.7]))


def _broad(image: np.ndarray, sigma: float) -> np.ndarray:
    """A wide Gaussian blur, computed on an eighth of the grid."""
    small = cv2.resize(image, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, sigma / 8))
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
