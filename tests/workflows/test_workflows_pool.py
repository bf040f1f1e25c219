"""Handing images to processes: bounded, and a process that dies costs no image."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import pytest

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.workflows import pool
from handbone.workflows.one_by_one import Outcome


@dataclass(frozen=True)
class Named:
    def lost(self, item, why):
        return Outcome(item, error=f"folder/{item}: {why}")


class FakePlace:
    """Works at once; dies at the images in `deadly` as often as they say."""

    lost = (BrokenProcessPool,)
    patience = 1

    def __init__(self, room=1, **deadly):
        self._room, self.deadly, self.seen, self.renewed, self.handed_out = room, deadly, [], 0, 0

    def room(self):
        return self._room

    def submit(self, work, task, item):
        self.seen.append(item)
        self.handed_out += 1
        future = Future()
        if self.deadly.get(item, 0):
            self.deadly[item] -= 1
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(Outcome(item, (item,)))
        return future

    def renew(self):
        self.renewed += 1


def outcomes(items, *places):
    return {outcome.name: outcome.error for outcome in pool.hand_out(Named(), items, places)}


def test_an_image_whose_process_died_is_tried_again_and_then_listed():
    place = FakePlace(room=2, b=1, c=2)
    found = outcomes("abcd", place)
    assert {name for name, error in found.items() if error is None} == set("abd")
    assert found["c"].startswith("folder/c: the process that worked on it died")
    assert sorted(place.seen) == list("abbccd") and place.renewed == 3


def test_no_more_images_are_taken_than_are_worked_on():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield str(number)

    places = FakePlace(room=1), FakePlace(room=2)
    for count, _ in enumerate(pool.hand_out(Named(), items(), places), 1):
        assert len(taken) <= count + 3
    assert count == 20 and all(place.seen for place in places)


def test_what_is_not_an_images_fault_ends_the_work():
    class Full(FakePlace):
        def submit(self, work, task, item):
            future = Future()
            future.set_exception(OSError(28, "No space left on device"))
            return future

    with pytest.raises(OSError, match="No space"):
        outcomes("ab", Full())


@pytest.mark.parametrize(
    "error",
    [
        HandboneError("what", where="a.toml", remedy="try"),
        UnknownNameError("writer", "cocoo", ["coco"], where="--write"),
    ],
)
def test_errors_are_the_same_in_another_process(error):
    import pickle

    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and str(copy) == str(error)
    assert (copy.what, copy.where, copy.remedy) == (error.what, error.where, error.remedy)
