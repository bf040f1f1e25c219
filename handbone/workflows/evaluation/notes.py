"""What a reader of an evaluation's metrics has to know, in sentences."""

from handbone.workflows.evaluation.pairs import AGAINST
from handbone.workflows.evaluation.scores import Scores

_SHOWN = 5


def notes(evaluation: Scores) -> list[str]:
    """Sentences about what was compared, what was not, and which labels are in doubt."""
    pairs, found = evaluation.pairs, []
    if AGAINST in evaluation.stages:
        found.append(f"'{AGAINST}' are the masks of {evaluation.facts['against']}, compared image by image.")
    for each in pairs.classes:
        if len(each.bones) > 1:
            found.append(f"{each.first} stands for {each.name}: the labels merge them, so their union is compared.")
    for stage in evaluation.stages:
        if lacking := pairs.without_prediction[stage]:
            found.append(f"Labelled images without masks in '{stage}', {len(lacking)}: {shown(lacking)}.")
        if lacking := pairs.without_labels[stage]:
            found.append(f"Images of '{stage}' without labels, {len(lacking)}: {shown(lacking)}.")
        if never := _never_found(evaluation, stage):
            found.append(f"No image of '{stage}' has {shown(never)}: they count as missed; --classes leaves them out.")
    if evaluation.label_problems:
        name, (first, *_) = next(iter(evaluation.label_problems.items()))
        count = len(evaluation.label_problems)
        found.append(f"Labels with errors, {count} images, such as {name}: {first}. 'handbone data check' shows all.")
    return found + _about_scale(evaluation)


def shown(names: tuple[str, ...], most: int = _SHOWN) -> str:
    """The first few of many names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _never_found(evaluation: Scores, stage: str) -> tuple[str, ...]:
    """Classes that some labels have, and no mask of a stage."""
    rows = evaluation.table[evaluation.table["stage"] == stage]
    areas = rows.groupby("bone", sort=False)[["ground_truth_area", "area"]].sum()
    return tuple(areas.index[(areas["area"] == 0) & (areas["ground_truth_area"] > 0)])


def _about_scale(evaluation: Scores) -> list[str]:
    if not evaluation.scoring.tolerances_mm:
        return []
    scales = evaluation.scales.values()
    known = sum(scale.spacing_mm is not None for scale in scales)
    found = [f"Metrics in millimetres are of the {known} of {len(scales)} images whose pixel size is known."]
    return found + [f"Caution: {caution}." for caution in sorted({scale.caution for scale in scales} - {""})]
