"""Contract of metrics."""

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.plugin_kit.contracts.contract import Contract, want
from handbone.plugin_kit.contracts.toys import toy_masks
from handbone.plugins.specs import MetricSpec


class MetricContract(Contract):
    """A metric maps true and predicted masks of an image to (29,) float64, NaN if undefined."""

    kind = "metric"

    def spec(self) -> MetricSpec:
        """The spec under test."""
        return self._registered()[0]

    def metrics(self, ground_truth: BoneMasks, predicted: BoneMasks, case: str) -> np.ndarray:
        """The metric of a case, which errors name; checked for shape and type."""
        spec, settings = self._registered()
        metric = spec.build(settings)
        want(callable(metric), "build must return a function of two masks", f"returned a {type(metric).__name__}")
        came = metric(ground_truth, predicted)
        want(
            isinstance(came, np.ndarray),
            f"the metric of {case} must be a numpy array",
            f"got a {type(came).__name__}",
        )
        want(came.shape == (COUNT,), f"the metric of {case} must have the shape ({COUNT},)", f"got {came.shape}")
        want(came.dtype == np.float64, f"the metric of {case} must be float64", f"got {came.dtype}")
        return came

    def test_the_ground_truth_is_at_least_as_good_as_other_masks(self) -> None:
        """`higher_is_better` gives the direction."""
        ground_truth = toy_masks(0)
        same, other = (self.metrics(ground_truth, each, "whole masks") for each in (ground_truth, toy_masks(5)))
        want(bool(np.isfinite(same).all()), "the metric of the ground truth itself must be finite", f"got {same}")
        sign = 1 if self.spec().higher_is_better else -1
        wish = f"the ground truth must be at least as good as other masks (higher_is_better = {sign > 0})"
        want(
            bool(np.nanmean(sign * same) >= np.nanmean(sign * other)),
            wish,
            f"{np.nanmean(same):.3g} against {np.nanmean(other):.3g}",
        )

    def test_empty_masks_are_metrics_or_nan(self) -> None:
        """A bone that the ground truth, the prediction or both lack must not end the evaluation."""
        whole, none = toy_masks(), toy_masks(absent=tuple(range(COUNT)))
        for case, pair in {
            "no ground truth": (none, whole),
            "no prediction": (whole, none),
            "nothing": (none, none),
        }.items():
            self.metrics(*pair, case)

    def test_it_is_the_same_twice(self) -> None:
        """The same masks, the same metrics."""
        one, again = (self.metrics(toy_masks(0), toy_masks(1), "two masks") for _ in range(2))
        want(np.array_equal(one, again, equal_nan=True), "the same masks must give the same metrics", "they differ")
