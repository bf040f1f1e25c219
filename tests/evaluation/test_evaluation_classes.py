"""What is scored: bones and unions of them, against plain arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from masks_toys import dense_masks

from handbone.anatomy import COUNT, GROUPS, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.evaluation.classes import ScoredClass, in_classes, scored_classes
from handbone.evaluation.columns import FACTS, is_taken
from handbone.recipe.class_map import ClassMap

HEAPED = (INDEX["Triquetrum"], INDEX["Pisiform"])


def class_map(complete=False, **classes):
    return ClassMap("mine", {name: tuple(INDEX[b] for b in bones) for name, bones in classes.items()}, complete)


def test_without_a_map_every_bone_is_a_class():
    assert scored_classes() == tuple(ScoredClass((bone,)) for bone in range(COUNT))
    assert [each.name for each in scored_classes()] == [each.first for each in scored_classes()] == list(NAMES)


@pytest.mark.parametrize("wanted", [*GROUPS, "Lunate", "Ulna,thumb", " carpals , forearm "])
def test_groups_and_bones_choose_their_classes(wanted):
    names = {name for part in wanted.split(",") for name in GROUPS.get(part.strip(), (part.strip(),))}
    assert [each.name for each in scored_classes(None, wanted)] == [name for name in NAMES if name in names]


def test_merged_bones_are_one_class_in_the_place_of_the_first():
    found = scored_classes(class_map(heap=("Triquetrum", "Pisiform"), lunate=("Lunate",)))
    assert len(found) == COUNT - 1 and ScoredClass(HEAPED) in found
    (union,) = [each for each in found if len(each.bones) > 1]
    assert union.name == "Triquetrum+Pisiform" and union.first == "Triquetrum"
    assert [each.bones[0] for each in found] == sorted(each.bones[0] for each in found)


@pytest.mark.parametrize(("complete", "count"), [(False, COUNT - 1), (True, 2)])
def test_a_complete_map_has_no_other_bones(complete, count):
    given_map = class_map(complete, heap=("Triquetrum", "Pisiform"), lunate=("Lunate",), flesh=())
    assert len(scored_classes(given_map)) == count


@pytest.mark.parametrize("wanted", ["Pisiform", "Triquetrum", "Pisiform,Triquetrum"])
def test_a_union_is_scored_where_any_of_its_bones_is_wanted(wanted):
    found = scored_classes(class_map(heap=("Triquetrum", "Pisiform")), wanted)
    assert [each.bones for each in found] == [HEAPED]


def test_two_labels_of_one_union_are_one_class_and_overlapping_unions_are_refused():
    same = class_map(left=("Triquetrum", "Pisiform"), right=("Triquetrum", "Pisiform"))
    assert len(scored_classes(same)) == COUNT - 1
    with pytest.raises(HandboneError, match="mine: two merged classes hold Pisiform; let one class hold it"):
        scored_classes(class_map(a=("Triquetrum", "Pisiform"), b=("Pisiform", "Hamate")))


def test_classes_that_the_labels_do_not_have_are_refused():
    with pytest.raises(HandboneError, match="the labels have none of 'forearm'; choose other bones or groups"):
        scored_classes(class_map(True, lunate=("Lunate",)), "forearm")
    with pytest.raises(UnknownNameError, match="did you mean 'carpals'"):
        scored_classes(None, "carpal")


@given(dense_masks(), st.permutations(range(COUNT)), st.integers(1, 4))
def test_a_union_is_the_union_of_the_arrays(dense, order, size):
    """Bones that overlap, lie apart, or are missing, in any order."""
    classes = [ScoredClass(tuple(order[:size])), ScoredClass((order[size],))]
    found = in_classes(BoneMasks.from_dense(dense), classes).dense()
    expected = np.zeros_like(dense)
    expected[order[0]] = dense[list(order[:size])].any(0)
    expected[order[size]] = dense[order[size]]
    assert np.array_equal(found, expected)


def test_names_of_columns_that_every_table_has_are_taken():
    for name in (*FACTS, "dice", "hd95_px", "boundary_iou", "nsd_2px", "nsd_x", "gate_fold"):
        assert is_taken(name), name
    for name in ("iou", "assd", "Dice", "ns", ""):
        assert not is_taken(name), name
