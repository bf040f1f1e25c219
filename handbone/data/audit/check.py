"""Everything that is wrong or odd in a dataset, all at once, without changing anything."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.findings import SEVERITIES, Finding
from handbone.core.progress import track
from handbone.core.radiograph import Radiograph
from handbone.core.samples import Sample, relative_to
from handbone.data.audit.label_shapes import boxes, percent
from handbone.data.audit.turned import turned_alike
from handbone.data.dataset import NO_OUTLINE, Dataset
from handbone.data.patients import find_patients, read_patients
from handbone.data.plausible import doubts
from handbone.data.pose import BENT_DEGREES, bend_degrees, thumb_side
from handbone.formats.image_files import read_image

_DOUBT_REMEDY = {
    "swapped-labels": "look at the image ('handbone data summary' draws it) and exchange wrong labels",
    "far-apart": "look at the image and correct the label of one of them",
    "odd-area": "look at the image and redraw or relabel the contour where it is wrong",
}


@dataclass(frozen=True, eq=False)
class _Inspected:
    """What one sample showed."""

    sample: Sample
    findings: tuple[Finding, ...]
    digest: str | None = None
    size_hw: tuple[int, int] | None = None
    centroids_xy: np.ndarray | None = None


def check_dataset(dataset: Dataset) -> list[Finding]:
    """Read every image and every label of a dataset and say what was found.

    Returns
    -------
    Findings, errors first, then by rule and file. Files that cannot be read are findings, too.
    """
    with ThreadPoolExecutor() as pool:  # decoding lets other threads run
        entries = pool.map(lambda sample: _inspect(dataset, sample), dataset.samples)
        inspected = list(track(entries, "Checking", total=len(dataset)))
    findings = [*dataset.problems, *(f for entry in inspected for f in entry.findings)]
    findings += [
        *_sizes(dataset, inspected),
        *_copies(dataset, inspected),
        *_patients(dataset, inspected),
        *_poses(inspected),
    ]
    findings += filter(None, (whole(dataset, dataset.samples) for whole in (turned_alike, boxes, percent)))
    if dataset.layout == "contest":
        findings += _workbook(dataset)
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(findings, key=lambda f: (order[f.severity], f.rule, f.file))


def _inspect(dataset: Dataset, sample: Sample) -> _Inspected:
    file = relative_to(sample.image, dataset.root)
    findings: list[Finding] = []
    digest = size_hw = centroids = None
    try:
        radiograph = read_image(sample.image, invert=dataset.invert)
        findings += _oddities(radiograph, file)
        digest, size_hw = hashlib.sha256(radiograph.image.tobytes()).hexdigest(), radiograph.size_hw
    except HandboneError as error:
        findings.append(Finding("error", "unreadable-image", file, error.what, error.remedy or ""))
    if sample.annotation is not None:
        try:
            labels = dataset.read_labels(sample)
        except HandboneError as error:
            # An image that cannot be read has been said already.
            if error.where != str(sample.image):
                at = relative_to(sample.annotation, dataset.root)
                findings.append(Finding("error", "unreadable-annotation", at, error.what, error.remedy or ""))
        else:
            findings += labels.problems
            at = relative_to(sample.image if sample.shared_annotation else sample.annotation, dataset.root)
            if not labels.polygons and dataset.empty_labels == "refuse":
                findings.append(Finding("error", "no-outline", at, f"{sample.name} has no outlined bone", NO_OUTLINE))
            findings += [
                Finding("warning", d.rule, at, d.message, _DOUBT_REMEDY[d.rule]) for d in doubts(labels.polygons)
            ]
            centroids = labels.centroids_xy()
    return _Inspected(sample, tuple(findings), digest, size_hw, centroids)


def _oddities(radiograph: Radiograph, file: str) -> list[Finding]:
    found = []
    if radiograph.inverted:
        message = "bones are dark on a bright background"
        remedy = "no action needed: it is inverted when read; if that is wrong, use --invert no"
        found.append(Finding("note", "inverted", file, message, remedy))
    if radiograph.bits != 8:
        message, remedy = f"{radiograph.bits} bits per value", "no action needed: its range is scaled when read"
        found.append(Finding("note", "bits", file, message, remedy))
    return found


def _sizes(dataset: Dataset, inspected: Iterable[_Inspected]) -> list[Finding]:
    sized = [(entry, entry.size_hw) for entry in inspected if entry.size_hw]
    counts = Counter(size for _, size in sized)
    if len(counts) < 2 or counts.most_common(1)[0][1] < 0.9 * len(sized):
        return []
    usual = counts.most_common(1)[0][0]
    remedy = "check that it comes from the same source as the others; any size can be used"
    return [
        Finding(
            "note",
            "unusual-size",
            relative_to(entry.sample.image, dataset.root),
            f"{size[1]} x {size[0]} where nearly all others have {usual[1]} x {usual[0]}",
            remedy,
        )
        for entry, size in sized
        if size != usual
    ]


def _copies(dataset: Dataset, inspected: Iterable[_Inspected]) -> list[Finding]:
    same: dict[str, list[Sample]] = defaultdict(list)
    for entry in inspected:
        if entry.digest:
            same[entry.digest].append(entry.sample)
    remedy = "remove one, so that it is not used both for training and for validation"
    return [
        Finding(
            "warning",
            "same-image",
            relative_to(second.image, dataset.root),
            f"has the same content as {relative_to(first.image, dataset.root)}",
            remedy,
        )
        for samples in same.values()
        for first, second in pairwise(samples)
    ]


def _patients(dataset: Dataset, inspected: Iterable[_Inspected]) -> list[Finding]:
    by_patient: dict[str, list[_Inspected]] = defaultdict(list)
    for entry in inspected:
        by_patient[entry.sample.patient_id].append(entry)
    found = []
    for patient_id, entries in by_patient.items():
        splits = {entry.sample.split for entry in entries}
        if len(splits) > 1:
            message, remedy = (
                "has images in both training and test",
                "move them to one of the two, because scores would be too high",
            )
            found.append(Finding("error", "patient-in-both-splits", patient_id, message, remedy))
        sides = [thumb_side(entry.centroids_xy) for entry in entries if entry.centroids_xy is not None]
        if len(entries) == 2 and len(sides) == 2 and sides[0] is not None and sides[0] == sides[1]:
            message = f"both images show a hand with its thumb on the {sides[0]}"
            remedy = "check that they are the two hands of one patient, and that neither image nor labels are mirrored"
            found.append(Finding("warning", "same-side-twice", patient_id, message, remedy))
    if dataset.layout == "contest":
        uneven = sorted(patient_id for patient_id, entries in by_patient.items() if len(entries) != 2)
        if uneven:
            message = f"{len(uneven)} of {len(by_patient)} patients do not have two images: {_some(uneven)}"
            found.append(Finding("note", "not-two-hands", ".", message, "add the missing hand if there is one"))
        named = sum(entry.sample.side is not None for entries in by_patient.values() for entry in entries)
        if 0 < named < len(dataset):
            message = f"{named} of {len(dataset)} names end in _R or _L"
            remedy = "no action needed: the side is determined from the image, not the name"
            found.append(Finding("note", "side-in-few-names", ".", message, remedy))
    return found


def _poses(inspected: Iterable[_Inspected]) -> list[Finding]:
    bends: dict[str, list[float]] = defaultdict(list)
    for entry in inspected:
        if entry.centroids_xy is not None and not np.isnan(bend := bend_degrees(entry.centroids_xy)):
            bends[entry.sample.split].append(bend)
    shares = {part: float(np.mean(np.array(values) >= BENT_DEGREES)) for part, values in bends.items()}
    if len(shares) < 2 or abs(shares["train"] - shares["test"]) < 0.2:
        return []
    train, test = shares["train"], shares["test"]
    message = f"{train:.0%} of the training hands, but {test:.0%} of the test hands are bent at the wrist"
    remedy = "keep wrist_bend in [coarse.augment], and compare scores by pose"
    return [Finding("warning", "pose-shift", ".", message, remedy)]


def _workbook(dataset: Dataset) -> list[Finding]:
    path = find_patients(dataset.root)
    if path is None:
        return []
    try:
        table, found = read_patients(path)
    except HandboneError as error:
        return [Finding("warning", "unreadable-patients", path.name, error.what, error.remedy or "")]
    without = sorted({s.patient_id for s in dataset.samples} - set(table["patient_id"]))
    if without:
        message = f"no row for {_some(without)}"
        found.append(Finding("note", "patients-missing", path.name, message, "add rows to get metrics by age or sex"))
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
