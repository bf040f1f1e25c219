"""The 29 bones in the contest's order, and how users name them."""

import pytest

from handbone import anatomy
from handbone.core.errors import UnknownNameError


def test_order_is_the_contests():
    assert anatomy.COUNT == 29
    assert anatomy.NAMES[:3] == ("finger-1", "finger-2", "finger-3")
    carpals_and_forearm = "Trapezium Trapezoid Capitate Hamate Scaphoid Lunate Triquetrum Pisiform Radius Ulna"
    assert " ".join(anatomy.NAMES[19:]) == carpals_and_forearm
    assert [bone.index for bone in anatomy.BONES] == list(range(29))


def test_fingers_count_from_the_tip_to_the_metacarpal():
    titles = {bone.name: bone.title for bone in anatomy.BONES}
    assert titles["finger-1"] == "thumb distal phalanx"
    assert titles["finger-3"] == "thumb metacarpal"
    assert titles["finger-4"] == "index distal phalanx"
    assert titles["finger-11"] == "middle metacarpal"
    assert titles["finger-12"] == "ring distal phalanx"
    assert titles["finger-15"] == "ring metacarpal"
    assert titles["finger-19"] == "little metacarpal"


def test_groups_partition_the_hand():
    parts = ("carpals", "metacarpals", "phalanges", "forearm")
    assert sum(len(anatomy.GROUPS[part]) for part in parts) == 29
    assert set().union(*(anatomy.GROUPS[part] for part in parts)) == set(anatomy.NAMES)
    assert anatomy.GROUPS["wrist"] == anatomy.GROUPS["carpals"]


def test_each_finger_is_a_group_by_its_name():
    sizes = {name: len(anatomy.GROUPS[name]) for name in ("thumb", "index", "middle", "ring", "little")}
    assert sizes == {"thumb": 3, "index": 4, "middle": 4, "ring": 4, "little": 4}


def test_select_takes_bones_and_groups_once_each_in_order():
    assert anatomy.select("forearm, Capitate,wrist") == (*range(19, 27), 27, 28)
    assert anatomy.select(["thumb", "finger-1"]) == (0, 1, 2)
    assert anatomy.select("ring") == (11, 12, 13, 14)
    assert anatomy.select("all") == tuple(range(29))


def test_unknown_bone_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'Capitate'"):
        anatomy.select("Capitat")


def test_neighbours_are_ordered_pairs_of_bones():
    for a, b in anatomy.NEIGHBOURS:
        assert anatomy.INDEX[a] < anatomy.INDEX[b]
    # No finger touches the tip of the next.
    assert ("finger-3", "finger-4") not in anatomy.NEIGHBOURS


def test_colours_of_neighbours_differ():
    colours = {bone.name: bone.colour for bone in anatomy.BONES}
    for a, b in anatomy.NEIGHBOURS:
        assert sum(abs(x - y) for x, y in zip(colours[a], colours[b], strict=True)) > 60, (a, b)
