"""Frozen values that hold arrays: equal ones are one key, and none of them compares array with array by accident."""

import dataclasses
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import handbone
from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame


def frame(shift=0.0):
    return Frame(np.array([[1.0, 0.0, shift], [0.0, 1.0, -0.0]]), (8, 8))


def masks(shift=0):
    dense = np.zeros((COUNT, 8, 8), bool)
    dense[3, 2:5, shift : shift + 3] = True
    return BoneMasks.from_dense(dense)


def probabilities(shift=0):
    return BoneProbabilities.from_masks(masks(shift))


@pytest.mark.parametrize("make", [frame, masks, probabilities])
def test_equal_values_are_one_key(make):
    one, same, other = make(), make(), make(2)
    assert one == same and one != other and one != "something else"
    assert hash(one) == hash(same) and {one: 1}[same] == 1 and len({one, same, other}) == 2


def test_zero_has_no_sign():
    positive = Frame(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (8, 8))
    assert frame() == positive and hash(frame()) == hash(positive)


def test_a_frame_does_not_change_with_the_array_that_it_came_from():
    matrix = np.eye(2, 3)
    made = Frame(matrix, (8, 8))
    matrix[0, 2] = 5
    assert made == Frame(np.eye(2, 3), (8, 8))
    with pytest.raises(ValueError, match="read-only"):
        made.matrix[0, 2] = 5


def values_with_arrays():
    """Frozen dataclasses of handbone of which a field is an array or a tensor."""
    for module in pkgutil.walk_packages(handbone.__path__, "handbone."):
        for each in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(each) and each.__module__ == module.name and dataclasses.is_dataclass(each):
                kinds = [str(field.type).split("[")[0].split(" |")[0] for field in dataclasses.fields(each)]
                if any(kind in ("np.ndarray", "Tensor", "Rings") or "numpy.ndarray" in kind for kind in kinds):
                    yield each


def test_no_value_compares_arrays_field_by_field():
    found = list(values_with_arrays())
    assert len(found) > 15
    generated = [each.__qualname__ for each in found if each.__dataclass_params__.eq]
    assert not generated, "a comparison of these would ask for the ground truth of an array"
    assert not [each.__qualname__ for each in found if each.__hash__ is None]
