"""Which images headline metrics are of, and what is said of them."""

import pandas as pd

from handbone.evaluation.basis import basis, headline_rows


def rows(*parts, fold=None):
    return pd.DataFrame({"split": parts, "gate_fold": [fold if part == "validation" else None for part in parts]})


def test_a_test_set_alone_is_judged_where_there_is_one():
    assert set(headline_rows(rows("validation", "test", "validation"))["split"]) == {"test"}
    assert len(headline_rows(rows("validation", "validation"))) == 2


def test_it_is_said_what_the_metrics_are():
    assert basis(rows("test", "test")).startswith("The metrics are those of the test images, on which nothing")
    plain, gated = basis(rows("validation")), basis(rows("validation", fold=1))
    assert "no test set" in plain and "the best epoch was chosen" in plain and "gate" not in plain
    assert gated.startswith(plain) and "nested folds by patient" in gated
    assert "no image has labels" in basis(rows())
