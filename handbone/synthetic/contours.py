"""Contours of a synthetic hand without its image, in milliseconds."""

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.synthetic.body import Pose
from handbone.synthetic.patients import Patient, Variety
from handbone.synthetic.placing import place
from handbone.synthetic.render import box_of, ray_lengths
from handbone.synthetic.skeleton import bone_edges, load_skeleton


def hand_contours(
    patient: Patient, pose: Pose, rng: np.random.Generator, *, size: int = 1024, variety: Variety = "upright_adult"
) -> BoneMasks:
    """Masks (29, size, size) of a right hand in a pose, where and as large as `variety` puts it in an image."""
    body, px_per_mm = place(patient, pose, "R", size, variety, rng)
    faces = load_skeleton().faces
    crops = {}
    for index, vertices in enumerate(body.vertices):
        points = vertices * [px_per_mm, px_per_mm, 1.0]
        box = box_of(points, (size, size))
        if index not in patient.absent:
            crops[index] = ray_lengths(points, faces[index], box, bone_edges(index)) > 0, box[:2]
    return BoneMasks.from_crops(crops, (size, size))
