"""What a synthetic hand's measures really are: from its 3D model, before there are pixels.

Every bone's mesh is projected and filled at four times the image's resolution, the whole forearm included, and the
same definitions are read from that. What is compared is therefore what pixels, edges, noise and networks cost, not
whether a definition is right. Cortical thickness comes from the meshes of the walls' inner sides, which the image was
drawn with.
"""

import numpy as np

from handbone.core.bone_masks import BoneMasks
from handbone.measure import MEASURES, Hand, Refused, Scale
from handbone.measure import radiogrammetry as formulas
from handbone.measure.cortex import SPOTS
from handbone.measure.hand import BONE
from handbone.measure.outline import Outline
from handbone.synthetic import SyntheticHand
from handbone.synthetic.render import box_of, ray_lengths
from handbone.synthetic.skeleton import bone_edges, load_skeleton

FINER = 4
_BONES = ("MC2", "MC3", "MC4")
_SPOT = np.linspace(-0.03, 0.03, 24)
_FORMULAS = {
    "cortical_thickness": formulas.mean_thickness,
    "metacarpal_cortical_index": formulas.area_over_square,
    "bone_health_index": formulas.health_index,
    "paediatric_bone_index": formulas.health_index,
    "cortical_percentage": formulas.percentage,
}


def true_values(drawn: SyntheticHand) -> dict[tuple[str, str], float]:
    """Name and target of each measure to its true value, lengths in millimetres; refused ones are left out."""
    fine = fine_hand(drawn)
    values = {}
    for name, measure in MEASURES.items():
        for target in measure.targets:
            try:
                values[name, target] = (
                    _true_wall(drawn, fine, name, target) if name in _FORMULAS else measure.function(fine, target).value
                )
            except Refused:
                continue
    return values


def fine_hand(drawn: SyntheticHand) -> Hand:
    """The projected model at a finer resolution, on a canvas that holds all of it."""
    per_mm = FINER * drawn.meta["px_per_mm"]
    vertices = [v * [per_mm, per_mm, 1.0] for v in drawn.body.vertices]
    low = np.min([v[:, :2].min(0) for v in vertices], axis=0) - 20
    high = np.max([v[:, :2].max(0) for v in vertices], axis=0) + 20
    size = tuple(np.ceil(high - low).astype(int).tolist()[::-1])
    crops, seen = {}, drawn.masks.present()
    for index, points in enumerate(vertices):
        moved = points - [*low, 0.0]
        box = box_of(moved, size)
        if seen[index]:
            crops[index] = ray_lengths(moved, load_skeleton().faces[index], box, bone_edges(index)) > 0, box[:2]
    return Hand(BoneMasks.from_crops(crops, size), scale=Scale("user", (1 / per_mm, 1 / per_mm)))


def _true_wall(drawn: SyntheticHand, fine: Hand, name: str, target: str) -> float:
    bones = _BONES if target == formulas.MEAN else (target,)
    mm = 1 / drawn.meta["px_per_mm"]
    hand = Hand(drawn.masks, scale=Scale("user", (mm, mm)))
    values = []
    for bone in bones:
        axis, outer = hand.axis(bone), hand.outline(bone)
        cavity = Outline.of_bone(drawn.cavities, BONE[bone], hand.pixel_xy)
        if cavity is None:
            raise Refused("the shaft is solid")
        shares = (np.array(SPOTS)[:, None] + _SPOT).ravel()
        levels = axis.point @ axis.direction + axis.low + shares * axis.length
        widths, hollow = (np.diff(part.slices(axis.direction, levels), axis=1)[:, 0] for part in (outer, cavity))
        thickness, width = float(np.mean(widths - hollow)) / 2, float(np.mean(widths))
        values.append(_FORMULAS[name](thickness, width, fine.axis(bone).length))
    return float(np.mean(values))
