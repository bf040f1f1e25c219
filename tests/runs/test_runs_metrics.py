"""Extra metrics that a recipe names: checked before any work, and part of an evaluation's fingerprint."""

import pytest

from handbone.core.errors import HandboneError
from handbone.recipe.schema import Recipe
from handbone.runs.checks import check_recipe
from handbone.runs.fingerprints import step_fingerprint
from handbone.runs.steps.order import STEPS


def recipe(*metrics) -> Recipe:
    return Recipe(name="x", evaluate={"metrics": metrics} if metrics else {})


def test_extra_metrics_are_part_of_an_evaluations_fingerprint():
    step = next(step for step in STEPS if step.name == "evaluation")
    choices = ((), ("iou",), ("iou", "assd_px"), ("assd_px",))
    assert len({step_fingerprint(step, recipe(*names), {}) for names in choices}) == len(choices)


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
