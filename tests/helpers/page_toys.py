"""Prediction folders as `handbone predict` keeps them, made without a network, for tests of their page."""

from dataclasses import asdict

import cv2
import numpy as np

from handbone.anatomy import BONES, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.workflows.page_image import write_page_image
from handbone.workflows.png_file import write_png
from handbone.workflows.records import ImageRecord
from handbone.workflows.stored_results import StoredResults

SIZE_HW = (150, 120)


def bone_masks(count: int, size_hw=SIZE_HW) -> BoneMasks:
    """Discs for the first `count` bones."""
    planes = np.zeros((len(BONES), *size_hw), np.uint8)
    for bone in range(count):
        cv2.circle(planes[bone], (15 + 22 * (bone % 5), 12 + 24 * (bone // 5)), 8, 1, -1)
    return BoneMasks.from_dense(planes.astype(bool))


def flag(rule, message, *bones):
    return {"rule": rule, "bones": list(bones), "message": message}


class Folder:
    """A prediction folder to which images are added."""

    def __init__(self, folder):
        self.kept = StoredResults(folder / "out", "fingerprint", page=True)
        self.kept.folder.mkdir()
        self.images = folder
        self.records, self.stems = [], {}

    def add(self, name, *, bones=29, flags=(), confidence=0.95, image=True, **facts):
        """One image, outlined unless `error` says otherwise; with `image` its JPEG is kept."""
        if "error" in facts:
            self.records.append(ImageRecord(name, f"/images/{name}", **facts))
            return self
        stem = f"s/{len(self.stems)}"
        found = {bone: confidence for bone in NAMES[:bones]}
        facts = {"path": str(self.images / name), "size_hw": SIZE_HW, **facts}
        record = ImageRecord(name, confidence=found, flags=list(flags), **facts)
        grey = np.tile(np.linspace(0, 1, SIZE_HW[1], dtype=np.float32), (SIZE_HW[0], 1))
        write_png(self.kept.overlay(stem), np.zeros((*SIZE_HW, 3), np.uint8))
        if image:
            write_page_image(self.kept.page_image(stem), grey)
        self.kept.keep(name, stem, "key", {"record": asdict(record), "rle": bone_masks(bones).to_rle()})
        self.records.append(record)
        self.stems[name] = stem
        return self
