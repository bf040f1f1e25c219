"""Toy hands, and files as the contest has them."""

import json
from pathlib import Path

import cv2
import numpy as np

from handbone import anatomy

SIZE = 256


def toy_hand(*, size: int = SIZE, mirrored: bool = False, bend: float = 0.0) -> dict[str, np.ndarray]:
    """29 ellipses where the bones of a hand lie, fingers upwards; the hand turns about the Capitate."""
    unit = 0.2
    contours = {}

    def put(name: str, xy: tuple[float, float], length: float, width: float, turns: bool = True) -> None:
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        points = np.column_stack([width / 2 * np.cos(t), length / 2 * np.sin(t)]) * unit + np.array(xy) * unit
        angle = np.deg2rad(bend if turns else 0)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = points @ turn.T
        if mirrored:
            points[:, 0] *= -1
        contours[name] = (points + np.array([0.5, 0.68])) * size

    rows = {"metacarpal": (-0.75, 1.0, 0.23), "proximal": (-1.55, 0.65, 0.2), "middle": (-2.05, 0.4, 0.17)}
    rows["distal"] = (-2.4, 0.28, 0.15)
    for finger, x in enumerate((-0.35, 0.0, 0.32, 0.62)):
        for row, name in enumerate(("distal", "middle", "proximal", "metacarpal")):
            y, length, width = rows[name]
            put(f"finger-{4 + 4 * finger + row}", (x * (1 + 0.1 * (3 - row)), y + 0.08 * abs(x)), length, width)
    put("finger-3", (-0.75, -0.2), 0.7, 0.24)
    put("finger-2", (-1.0, -0.75), 0.5, 0.2)
    put("finger-1", (-1.1, -1.15), 0.34, 0.16)
    carpals = {"Trapezium": (-0.5, 0.12, 0.27, 0.24), "Trapezoid": (-0.3, -0.1, 0.21, 0.19)}
    carpals |= {
        "Capitate": (0, 0, 0.4, 0.25),
        "Hamate": (0.28, 0.02, 0.33, 0.22),
        "Scaphoid": (-0.25, 0.28, 0.33, 0.22),
    }
    carpals |= {"Lunate": (0.05, 0.33, 0.26, 0.2), "Triquetrum": (0.35, 0.28, 0.24, 0.19)}
    carpals |= {"Pisiform": (0.42, 0.26, 0.18, 0.16)}
    for name, (x, y, length, width) in carpals.items():
        put(name, (x, y), length, width)
    put("Radius", (-0.15, 1.0), 1.1, 0.45, turns=False)
    put("Ulna", (0.4, 1.02), 1.05, 0.24, turns=False)
    return {name: contours[name] for name in anatomy.NAMES}


def draw(contours: dict[str, np.ndarray], size: int = SIZE) -> np.ndarray:
    """A grey image with bright bones, a bright strip at the top and a dark background, from 0 to 255."""
    image = np.full((size, size), 8, np.uint8)
    for points in contours.values():
        cv2.fillPoly(image, [np.rint(points).astype(np.int32)], 180)
    image[: max(1, size // 100)] = 250
    return cv2.normalize(cv2.GaussianBlur(image, (0, 0), 1.0), None, 0, 255, cv2.NORM_MINMAX)


def annotation(contours, *, filename: str, shuffle: int | None = 0) -> dict:
    """A file as the contest's tool writes it: wrong size, a name that ends in .jpg, no order."""
    entries = [
        {"id": f"a{i}", "type": "poly_seg", "attributes": {}, "points": np.asarray(p).tolist(), "label": n}
        for i, (n, p) in enumerate(contours)
    ]
    if shuffle is not None:
        np.random.default_rng(shuffle).shuffle(entries)
    return {
        "annotations": entries,
        "attributes": {},
        "file_id": "f",
        "filename": filename,
        "parent_path": "/",
        "last_modifier_id": "m",
        "metadata": {"height": 3060, "width": 3060},
        "last_workers": [],
    }


def write_hand(root: Path, split: str, patient_id: str, name: str, contours=None, *, labelled=True, **hand) -> Path:
    """One image with R = G = B and its annotation in the contest layout; gives the image's path."""
    contours = contours if contours is not None else list(toy_hand(**hand).items())
    image = root / split / "DCM" / patient_id / f"{name}.png"
    image.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(image), cv2.cvtColor(draw(dict(contours)), cv2.COLOR_GRAY2BGR))
    if labelled:
        path = root / split / "outputs_json" / patient_id / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(annotation(contours, filename=f"{name}.jpg")))
    return image
