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
from handbone.data.dataset import NO_OUTLINE, Dataset
from handbone.data.people import find_people, read_people
from handbone.data.plausible import doubts
from handbone.data.pose import BENT_DEGREES, bend_degrees, thumb_side
from handbone.formats.image_files import read_picture

_DOUBT_REMEDY = {
    "swapped-labels": "look at the picture ('handbone data summary' draws it) and exchange wrong labels",
    "far-apart": "look at the picture and correct the label of one of them",
    "odd-area": "look at the picture and redraw or relabel the outline where it is wrong",
}


@dataclass(frozen=True, eq=False)
class _Looked:
    """What one sample showed."""

    sample: Sample
    findings: tuple[Finding, ...]
    digest: str | None = None
    size_hw: tuple[int, int] | None = None
    centroids_xy: np.ndarray | None = None


def check_dataset(dataset: Dataset) -> list[Finding]:
    """Read every picture and every label of a dataset and say what was found.

    Returns
    -------
    Findings, errors first, then by rule and file. Files that cannot be read are findings, too.
    """
    with ThreadPoolExecutor() as pool:  # decoding lets other threads run
        looks = pool.map(lambda sample: _look_at(dataset, sample), dataset.samples)
        looked = list(track(looks, "Checking", total=len(dataset)))
    findings = [*dataset.problems, *(f for look in looked for f in look.findings)]
    findings += [*_sizes(dataset, looked), *_copies(dataset, looked), *_people(dataset, looked), *_poses(looked)]
    if dataset.layout == "contest":
        findings += _workbook(dataset)
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(findings, key=lambda f: (order[f.severity], f.rule, f.file))


def _look_at(dataset: Dataset, sample: Sample) -> _Looked:
    file = relative_to(sample.image, dataset.root)
    findings: list[Finding] = []
    digest = size_hw = centroids = None
    try:
        picture = read_picture(sample.image, invert=dataset.invert)
        findings += _oddities(picture, file)
        digest, size_hw = hashlib.sha256(picture.image.tobytes()).hexdigest(), picture.size_hw
    except HandboneError as error:
        findings.append(Finding("error", "unreadable-picture", file, error.what, error.remedy or ""))
    if sample.annotation is not None:
        try:
            labels = dataset.read_labels(sample)
        except HandboneError as error:
            # A picture that cannot be read has been said already.
            if error.where != str(sample.image):
                at = relative_to(sample.annotation, dataset.root)
                findings.append(Finding("error", "unreadable-annotation", at, error.what, error.remedy or ""))
        else:
            findings += labels.problems
            at = relative_to(sample.image if sample.shared_annotation else sample.annotation, dataset.root)
            if not labels.rings and dataset.empty_labels == "refuse":
                findings.append(Finding("error", "no-outline", at, f"no bone of {sample.name} is outlined", NO_OUTLINE))
            findings += [Finding("warning", d.rule, at, d.message, _DOUBT_REMEDY[d.rule]) for d in doubts(labels.rings)]
            centroids = labels.centroids_xy()
    return _Looked(sample, tuple(findings), digest, size_hw, centroids)


def _oddities(picture: Radiograph, file: str) -> list[Finding]:
    found = []
    if picture.inverted:
        message = "bones are dark on a bright background"
        remedy = "nothing needs doing: it is turned round when read; if that is wrong, use --invert no"
        found.append(Finding("note", "inverted", file, message, remedy))
    if picture.bits != 8:
        message, remedy = f"{picture.bits} bits a value", "nothing needs doing: its range is scaled when read"
        found.append(Finding("note", "bits", file, message, remedy))
    return found


def _sizes(dataset: Dataset, looked: Iterable[_Looked]) -> list[Finding]:
    sized = [look for look in looked if look.size_hw]
    counts = Counter(look.size_hw for look in sized)
    if len(counts) < 2 or counts.most_common(1)[0][1] < 0.9 * len(sized):
        return []
    usual = counts.most_common(1)[0][0]
    remedy = "check that it comes from the same source as the others; any size can be used"
    return [
        Finding(
            "note",
            "unusual-size",
            relative_to(look.sample.image, dataset.root),
            f"{look.size_hw[1]} x {look.size_hw[0]} where nearly all others have {usual[1]} x {usual[0]}",
            remedy,
        )
        for look in sized
        if look.size_hw != usual
    ]


def _copies(dataset: Dataset, looked: Iterable[_Looked]) -> list[Finding]:
    same: dict[str, list[Sample]] = defaultdict(list)
    for look in looked:
        if look.digest:
            same[look.digest].append(look.sample)
    remedy = "remove one, so that it cannot be trained on and validated with"
    return [
        Finding(
            "warning",
            "same-picture",
            relative_to(second.image, dataset.root),
            f"shows the same as {relative_to(first.image, dataset.root)}",
            remedy,
        )
        for samples in same.values()
        for first, second in pairwise(samples)
    ]


def _people(dataset: Dataset, looked: Iterable[_Looked]) -> list[Finding]:
    by_person: dict[str, list[_Looked]] = defaultdict(list)
    for look in looked:
        by_person[look.sample.person].append(look)
    found = []
    for person, looks in by_person.items():
        parts = {look.sample.part for look in looks}
        if len(parts) > 1:
            message, remedy = "has pictures in train and in test", "move them to one part; scores are inflated else"
            found.append(Finding("error", "person-in-both-parts", person, message, remedy))
        sides = [thumb_side(look.centroids_xy) for look in looks if look.centroids_xy is not None]
        if len(looks) == 2 and len(sides) == 2 and sides[0] is not None and sides[0] == sides[1]:
            message = f"both pictures show a hand with its thumb on the {sides[0]}"
            remedy = "check that they are the two hands of one person, and that neither picture nor labels are mirrored"
            found.append(Finding("warning", "same-side-twice", person, message, remedy))
    if dataset.layout == "contest":
        uneven = sorted(person for person, looks in by_person.items() if len(looks) != 2)
        if uneven:
            message = f"{len(uneven)} of {len(by_person)} people have not two pictures: {_some(uneven)}"
            found.append(Finding("note", "not-two-hands", ".", message, "add the missing hand if there is one"))
        named = sum(look.sample.side is not None for looks in by_person.values() for look in looks)
        if 0 < named < len(dataset):
            message = f"{named} of {len(dataset)} names end in _R or _L"
            remedy = "nothing needs doing: sides are read off the picture, not the name"
            found.append(Finding("note", "side-in-few-names", ".", message, remedy))
    return found


def _poses(looked: Iterable[_Looked]) -> list[Finding]:
    bends: dict[str, list[float]] = defaultdict(list)
    for look in looked:
        if look.centroids_xy is not None and not np.isnan(bend := bend_degrees(look.centroids_xy)):
            bends[look.sample.part].append(bend)
    shares = {part: float(np.mean(np.array(values) >= BENT_DEGREES)) for part, values in bends.items()}
    if len(shares) < 2 or abs(shares["train"] - shares["test"]) < 0.2:
        return []
    train, test = shares["train"], shares["test"]
    message = f"{train:.0%} of the training hands, but {test:.0%} of the test hands are bent at the wrist"
    remedy = "keep [coarse.augment] wrist_bend on, and read the scores by pose"
    return [Finding("warning", "pose-shift", ".", message, remedy)]


def _workbook(dataset: Dataset) -> list[Finding]:
    path = find_people(dataset.root)
    if path is None:
        return []
    try:
        table, found = read_people(path)
    except HandboneError as error:
        return [Finding("warning", "unreadable-people", path.name, error.what, error.remedy or "")]
    without = sorted({s.person for s in dataset.samples} - set(table["person"]))
    if without:
        message = f"no row for {_some(without)}"
        found.append(Finding("note", "people-missing", path.name, message, "add rows to have figures by age or sex"))
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
