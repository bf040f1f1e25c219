"""What a run's metrics say: of which images they are, and what had been fitted on these."""

import pandas as pd

from handbone.evaluation.columns import GATE_FOLD


def headline_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that headlines are taken from: of the test images, where these have labels, else of all.

    Parameters
    ----------
    rows: a metrics table with the column `part`.
    """
    test = rows[rows["split"] == "test"]
    return test if len(test) else rows


def basis(rows: pd.DataFrame) -> str:
    """What the metrics of `headline_rows` are, in a sentence or two for the report and the manifest.

    >>> basis(pd.DataFrame({"split": ["test"], "gate_fold": [float("nan")]}))
    'The metrics are those of the test images, on which nothing was trained, chosen or calibrated.'
    >>> basis(pd.DataFrame({"split": ["validation"], "gate_fold": [2.0]}))  # doctest: +NORMALIZE_WHITESPACE
    'There is no test set: the metrics are those of the validation images, by which the best epoch was chosen.
    The gate was calibrated on them, too: nested folds by patient, so that none decides in an image of a patient that
    it knows.'
    """
    if rows.empty:
        return "There are no metrics: no image has labels to compare with."
    if set(rows["split"]) == {"test"}:
        return "The metrics are those of the test images, on which nothing was trained, chosen or calibrated."
    text = "There is no test set: the metrics are those of the validation images, by which the best epoch was chosen."
    if rows[GATE_FOLD].notna().any():
        text += (
            " The gate was calibrated on them, too: nested folds by patient, so that none decides in an image of a "
            "patient that it knows."
        )
    return text
