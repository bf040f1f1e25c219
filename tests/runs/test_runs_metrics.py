"""Extra metrics that a recipe names: checked before any work, and part of an evaluation's fingerprint."""

import pytest

from handbone.core.errors import HandboneError
from handbone.recipe.schema import Recipe
from handbone.runs.checks import check_recipe
from handbone.runs.steps.order import STEPS


def recipe(*metrics) -> Recipe:
    return Recipe(name="x", evaluate={"metrics": metrics} if metrics else {})


def test_runs_without_further_metrics_keep_their_fingerprints():
    step = next(step for step in STEPS if step.name == "evaluation")
    assert step.settings(recipe()) == {"nsd_tolerances_px": [1.0, 2.0], "boundary_band_px": 2.0}
    named = [step.settings(recipe(*names)) for names in (("iou",), ("iou", "assd_px"), ({"name": "iou", "x": 1},))]
    assert all(one != other for one, other in zip([step.settings(recipe()), *named], named, strict=False))


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("iuo", "evaluate.metrics: unknown metric 'iuo'; did you mean 'iou'"),
        ({"name": "iou", "smooth": 1}, "unknown setting 'smooth'"),
        ({"name": "iou", "from": "handbone-none"}, "handbone-none"),
    ],
)
def test_metrics_that_do_not_exist_are_refused_before_any_work(metric, words):
    check_recipe(recipe("iou", "assd_px"), where="r.toml")
    with pytest.raises(HandboneError, match=r"^r\.toml: evaluate\.metrics: ") as caught:
        check_recipe(recipe(metric), where="r.toml")
    assert words in str(caught.value)


def test_a_metric_comes_once():
    with pytest.raises(ValueError, match="'iou' is listed twice"):
        recipe("iou", {"name": "iou"})
