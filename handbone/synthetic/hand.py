"""One radiograph of a hand that does not exist, with exact masks."""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.synthetic.attenuation import Tissue, add_skeleton, flesh
from handbone.synthetic.body import Body
from handbone.synthetic.clutter import add_clutter, mark_detector
from handbone.synthetic.display import to_grey
from handbone.synthetic.look import draw_look, draw_texture
from handbone.synthetic.patients import Patient, Variety, draw_patient, draw_pose
from handbone.synthetic.placing import moved, place
from handbone.synthetic.posture import personal_pose
from handbone.synthetic.scene import add_markers, add_ring, add_sesamoids, collimation, cover_parts, top_strip
from handbone.synthetic.skeleton import FOREARM
from handbone.synthetic.texture import Looks
from handbone.synthetic.tissue import add_folds, add_nails, skin_parts, soft_tissue
from handbone.synthetic.window import Crop, crop_window, visible

_SMALLEST = 16  # pixels of a side in which bones can be told apart at all


@dataclass(frozen=True, eq=False)
class SyntheticHand:
    """A drawn radiograph.

    Parameters
    ----------
    image: (H, W) uint8, or uint16 with 65535 as white.
    masks: of all bones, exact.
    side: of the hand, "L" or "R".
    bend_degrees: of the wrist, as drawn.
    meta: age, px_per_mm, variety, and whether the wrist is bent.
    body: the bones as they are projected, in millimetres from the image's first pixel.
    cavities: masks of what the bones' walls enclose.
    """

    image: np.ndarray
    masks: BoneMasks
    side: str
    bend_degrees: float
    meta: dict
    body: Body
    cavities: BoneMasks


def draw_hand(
    seed: int | np.random.Generator,
    *,
    size: int = 2048,
    variety: Variety = "upright_adult",
    bent: bool | None = None,
    side: str | None = None,
    patient: Patient | None = None,
    bits: Literal[8, 16] = 8,
    looks: Looks = "training",
) -> SyntheticHand:
    """Draw a hand; the same seed gives the same image.

    Parameters
    ----------
    seed: of the image's randomness.
    size: height and width in pixels; images of the "diverse" variety may be cut to less.
    variety: "upright_adult" for upright adult hands as in the contest, "diverse" for any age, turn, crop and look.
    bent: whether the wrist is bent; when not given by chance, in half of the upright adults and a quarter of the rest.
    side: "L" or "R"; by chance when not given.
    patient: whose hand; a random patient when not given.
    bits: of a pixel, 8 or 16; both give the same image.
    looks: "held_out" for image processing and trabeculae never used in training, to evaluate and calibrate networks on.

    Raises
    ------
    UnknownNameError: another variety, side or looks.
    HandboneError: a size of less than 16 pixels, or a negative seed.
    """
    for kind, name, known in (
        ("variety", variety, get_args(Variety)), ("side", side or "L", ("L", "R")), ("looks", looks, get_args(Looks))
    ):  # fmt: skip
        if name not in known:
            raise UnknownNameError(kind, str(name), known)
    if size < _SMALLEST:
        raise HandboneError(f"a hand of {size} pixels cannot be drawn", remedy=f"give a size of {_SMALLEST} or more")
    if isinstance(seed, int) and seed < 0:
        raise HandboneError(f"the seed {seed} is negative", remedy="give 0 or more")
    rng = np.random.default_rng(seed)
    side = side or ("L" if rng.random() < 0.5 else "R")
    bent = bool(rng.random() < (0.25 if variety == "diverse" else 0.5)) if bent is None else bent
    patient = patient or draw_patient(rng, variety)
    pose = personal_pose(rng, draw_pose(rng, variety, bent=bent), patient)
    diverse = variety == "diverse"
    body, px_per_mm = place(patient, pose, side, size, variety, rng)
    ends_px = body.ends[:, :, :2] * px_per_mm
    attenuation, skin, masks, cavities = _exposed(body, patient, side, size, px_per_mm, variety, looks, rng)
    field = _field(ends_px, size, px_per_mm, variety, rng)
    image = to_grey(attenuation, field, draw_look(rng, variety, looks), rng)
    if rng.random() < (0.15 if diverse else 0.85):
        top_strip(image, rng)
    window = (0, 0, size, size)
    if diverse:
        mark_detector(image, rng)
        cover_parts(image, skin, rng)
        window = crop_window(skin, ends_px, rng)
    left, top, right, bottom = window
    meta = {"age": round(patient.age, 1), "px_per_mm": px_per_mm, "variety": variety, "bent": bent}
    return SyntheticHand(
        _quantised(image[top:bottom, left:right], bits),
        BoneMasks.from_crops(visible(masks, field, window), (bottom - top, right - left)),
        side,
        float(pose.bend),
        meta,
        moved(body, -np.array([left, top, 0.0]) / px_per_mm) if left or top else body,
        BoneMasks.from_crops(visible(cavities, field, window), (bottom - top, right - left)),
    )


def _exposed(
    body: Body,
    patient: Patient,
    side: str,
    size: int,
    px_per_mm: float,
    variety: Variety,
    looks: Looks,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, dict[int, Crop], dict[int, Crop]]:
    """What lies between tube and detector: attenuation and skin distance in mm (size, size), masks, cavities."""
    ends_px = body.ends[:, :, :2] * px_per_mm
    attenuation = np.zeros((size, size), np.float32)
    tissue = draw_tissue(rng, patient, variety, looks)
    masks, cavities = add_skeleton(
        attenuation,
        body,
        ends_px,
        px_per_mm,
        tissue,
        patient.growth,
        rng,
        plates=patient.plates,
        mirrored=side == "L",
        absent=patient.absent,
    )
    diverse = variety == "diverse"
    parts = skin_parts(body, patient.fullness, patient.growth, ulnar=patient.ulnar, filled=diverse)
    skin, thickness = soft_tissue(*parts, (size, size), px_per_mm)
    if diverse:
        add_folds(thickness, ends_px, px_per_mm, rng)
        add_nails(thickness, ends_px, px_per_mm * patient.growth, rng)
    attenuation += flesh(thickness, tissue, rng)
    if patient.age > 11:
        add_sesamoids(attenuation, ends_px, px_per_mm, patient.growth, 2.2 * tissue.marrow, rng)
    if rng.random() < 0.04:
        phalanx = int(rng.choice([1, 4, 5, 8, 9, 12, 13, 16, 17] if diverse else [5, 9, 13, 17]))
        tip, root = ends_px[phalanx]
        add_ring(attenuation, tip, root, px_per_mm * patient.growth, rng)
    if diverse:
        add_clutter(attenuation, skin, ends_px, px_per_mm, rng)
    add_markers(attenuation, skin, side, px_per_mm, rng, variety)
    return attenuation, skin, masks, cavities


def _quantised(grey: np.ndarray, bits: int) -> np.ndarray:
    """Grey values in [0, 1] as integers of so many bits."""
    if bits == 8:
        return cv2.convertScaleAbs(grey, alpha=255)
    return np.rint(grey * (2**bits - 1)).astype(np.uint16)


def draw_tissue(rng: np.random.Generator, patient: Patient, variety: Variety, looks: Looks = "training") -> Tissue:
    """Random attenuation; children's bones hold less mineral and show growth plates, young adults their scars."""
    youth = max(0.0, (18 - patient.age) / 12)
    diverse = variety == "diverse"
    kilovolts = rng.uniform(0.5, 1.4) if diverse else rng.uniform(0.85, 1.15)
    mineral = np.exp(rng.normal(0, 0.15)) * (1 - 0.25 * youth) * patient.mineral
    return Tissue(
        soft=0.022 * np.exp(rng.normal(0.1, 0.25) if diverse else rng.normal(0, 0.1)),
        cortical=0.105 * kilovolts * mineral,
        marrow=0.021 * kilovolts * mineral * np.exp(rng.normal(0.1, 0.3) if diverse else rng.normal(0, 0.15)),
        cortex=float(np.clip(rng.normal(0.22, 0.035), 0.12, 0.32)) * (1 - 0.1 * youth) * patient.cortex,
        trabeculae=float(np.clip(rng.normal(0.3, 0.12), 0.05, 0.7)),
        openness=float(rng.uniform(0.3, 0.75) * (0.6 + 0.8 * youth)) if patient.plates.any() else 0.0,
        gap=float(rng.uniform(0.55, 0.95)) if patient.plates.any() else 0.0,
        calcified=float(rng.uniform(0.1, 0.9)) if patient.plates.any() else 0.0,
        scar=float(rng.uniform(0, 0.35)) if patient.age >= 16 and rng.random() < 0.4 else 0.0,
        **draw_texture(rng, variety, looks),
    )


def _field(
    ends_px: np.ndarray, size: int, px_per_mm: float, variety: Variety, rng: np.random.Generator
) -> np.ndarray | None:
    """The collimated field, aligned with the limb or with the image; it hides where the model's forearm stops."""
    stop = ends_px[list(FOREARM), 1].mean(0)
    shows_stop = bool((stop > -0.05 * size).all() and (stop < 1.05 * size).all())
    if not shows_stop and rng.random() > (0.06 if variety == "upright_adult" else 0.5):
        return None
    wrist = ends_px[anatomy.INDEX["Capitate"]].mean(0)
    axis = stop - wrist
    axis /= np.linalg.norm(axis)
    if rng.random() < 0.5 and not shows_stop:
        axis = np.array([0.0, 1.0])
    across = np.array([-axis[1], axis[0]])
    points = np.vstack([ends_px[:27].reshape(-1, 2), ends_px[list(FOREARM), 0]]) - wrist
    wide_low, wide_high = (points @ across).min(), (points @ across).max()
    gaps = rng.uniform(18, 60, 3) * px_per_mm
    far = rng.uniform(45, 130) * px_per_mm if shows_stop or rng.random() < 0.5 else 3.0 * size
    up = (points @ axis).min() - gaps[0]
    corners = [
        wrist + along * axis + beside * across
        for along, beside in (
            (up, wide_low - gaps[1]),
            (up, wide_high + gaps[2]),
            (far, wide_high + gaps[2]),
            (far, wide_low - gaps[1]),
        )
    ]
    return collimation((size, size), np.array(corners), rng.uniform(0.5, 12) * size / 2048)
