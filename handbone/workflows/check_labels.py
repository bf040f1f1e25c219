"""A dataset's labels against what trained weights see in the same images, one image after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.findings import SEVERITIES, Finding, Severity
from handbone.core.polygons import Polygons, polygon_centroids_xy
from handbone.core.progress import track
from handbone.core.samples import Sample, relative_to
from handbone.data.audit.label_errors import LabelError, compare_labels
from handbone.data.audit.label_owners import owner_of
from handbone.data.dataset import Dataset
from handbone.formats.image_files import read_image

if TYPE_CHECKING:
    from handbone.method.two_stage import MethodResult, TwoStage

_REMEDY = {
    "mirrored": "mirror the labels, or the image, and check which one is right",
    "transposed": "exchange x and y in the labels, or check how they were exported",
    "turned": "turn the labels, or save the image as it was when they were drawn (EXIF)",
    "scaled": "draw on, or export for, the image of this size",
    "other-image": "find out whose labels these are",
    "swapped": "look at the image and exchange the labels",
    "shifted": "look at the image and move or redraw the contour",
    "missing": "outline the bone if it is visible",
    "doubled": "look at the image and remove or relabel one contour",
    "extra": "look at the image and remove or relabel the contour",
    "odd-outline": "look at the image and redraw the contour where it is wrong",
    "not-judged": "look at the image yourself, or give weights that were trained on images like it",
}


@dataclass(frozen=True, eq=False)
class LabelCheck:
    """What the weights found in the labels of one image; a few kilobytes, whatever the image's size.

    Parameters
    ----------
    sample: the image.
    file: where to correct it, as findings name it: its annotation, or the image where many share an annotation.
    errors: the worst first.
    seen: contours (n, 2) int32 of the bones that the errors name, as the weights see them.
    problem: why it was not compared, where the image or its annotation cannot be read.
    places: (2, 29, 2) centroids of the labels and of what the weights see; NaN where there is no bone.
    """

    sample: Sample
    file: str
    errors: tuple[LabelError, ...] = ()
    seen: Polygons = field(default_factory=dict)
    problem: Finding | None = None
    places: np.ndarray | None = field(default=None, repr=False)

    @property
    def severity(self) -> float:
        """Of all errors together; 0 for labels that are fine or were not judged."""
        return sum(error.severity for error in self.errors)

    @property
    def bones(self) -> tuple[int, ...]:
        """All bones that the errors name, in anatomy order."""
        return tuple(sorted({bone for error in self.errors for bone in error.bones}))

    def findings(self) -> list[tuple[float, Finding]]:
        """The errors as (severity, finding), rules "label-swapped" and so on; none is sure: warnings."""
        if self.problem is not None:
            return [(0.0, self.problem)]
        return [(error.severity, _finding(error, self.file)) for error in self.errors]

    def to_json(self) -> dict:
        """The check as JSON values."""
        problem = self.problem and self.problem.to_json()
        errors = [error.to_json() for error in self.errors]
        return {"image": self.sample.name, "file": self.file, "errors": errors, "problem": problem}


def check_labels(dataset: Dataset, method: "TwoStage") -> list[LabelCheck]:
    """Outline the bones of every labelled image and compare the labels with that.

    Parameters
    ----------
    dataset: of any layout; images without labels are passed over.
    method: trained networks. They err, too: what they find is a reason to look, not a verdict.

    Returns
    -------
    One check a labelled image, the worst first; those that cannot be read are last, with their problem. Images and
    masks are not kept.

    Raises
    ------
    HandboneError: no image has labels.
    """
    samples = dataset.labelled()
    if not samples:
        remedy = "give a folder whose images have annotations"
        raise HandboneError("no image in this folder has labels to compare", where=dataset.root, remedy=remedy)
    checks = _with_owners([_check(dataset, sample, method) for sample in track(samples, "Comparing labels")])
    return sorted(checks, key=lambda check: (check.problem is not None, -check.severity, check.sample.name))


def with_label_findings(findings: Iterable[Finding], checks: Iterable[LabelCheck]) -> list[Finding]:
    """Findings of a dataset with those about labels before others of the same severity, the worst label first."""
    pairs = [pair for check in checks for pair in check.findings()]
    labels = [finding for _, finding in sorted(pairs, key=lambda pair: -pair[0])]
    # A file that cannot be read has been found before: once is enough.
    return sorted(dict.fromkeys([*labels, *findings]), key=lambda finding: SEVERITIES.index(finding.severity))


def _with_owners(checks: list[LabelCheck]) -> list[LabelCheck]:
    """The checks; where the labels of an image lie on the bones of another one, that is its only error."""
    found, places = [], [check.places for check in checks]
    for number, check in enumerate(checks):
        owner = owner_of(number, places) if check.errors else None
        if owner is not None:
            drawn = check.places[0, :, 0] if check.places is not None else np.empty(0)
            bones = tuple(np.flatnonzero(~np.isnan(drawn)).tolist())
            message = f"the labels are those of {checks[owner].sample.name}"
            check = replace(check, errors=(LabelError("other-image", bones, float(anatomy.COUNT), message),))
        found.append(check)
    return found


def _check(dataset: Dataset, sample: Sample, method: "TwoStage") -> LabelCheck:
    image = relative_to(sample.image, dataset.root)
    annotation = relative_to(sample.annotation or sample.image, dataset.root)
    file = image if sample.shared_annotation else annotation
    try:
        radiograph = read_image(sample.image, invert=dataset.invert)
    except HandboneError as error:
        return LabelCheck(sample, file, problem=_unread("unreadable-image", image, error))
    try:
        polygons = dataset.labels(sample).polygons
    except HandboneError as error:
        return LabelCheck(sample, file, problem=_unread("unreadable-annotation", annotation, error))
    outcome = method.predict(radiograph.image)
    masks = outcome.final.threshold(method.threshold)
    errors = compare_labels(polygons, masks, _confidence(outcome, masks))
    named = {bone for error in errors for bone in error.bones}
    seen = {bone: contours for bone, contours in masks.polygons().items() if bone in named} if named else {}
    places = np.stack([polygon_centroids_xy(polygons), masks.centroids_xy()])
    return LabelCheck(sample, file, tuple(errors), seen, places=places)


def _confidence(outcome: "MethodResult", masks: BoneMasks) -> np.ndarray:
    """(29,) the calibrated probability that each mask is right, else the mean probability inside it."""
    if outcome.presence is not None:
        return np.where(masks.present(), outcome.presence, 0.0)
    from handbone.method.confidence import confidences

    by_name = confidences(outcome.final, masks)
    return np.array([by_name.get(name, 0.0) for name in anatomy.NAMES])


def _finding(error: LabelError, file: str) -> Finding:
    level: Severity = "note" if error.kind == "not-judged" else "warning"
    return Finding(level, f"label-{error.kind}", file, error.message, _REMEDY[error.kind])


def _unread(rule: str, file: str, error: HandboneError) -> Finding:
    return Finding("error", rule, file, error.what, error.remedy or "")
