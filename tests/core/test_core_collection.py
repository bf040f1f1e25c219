"""Searches for reference cycles rest while a command starts, and go on afterwards."""

import gc

import pytest

from handbone.core import collection
from handbone.core.collection import keep_what_starts, no_collection


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(collection, "_of_command", [])
    gc.unfreeze()  # what commands of earlier tests have started with
    yield
    gc.unfreeze()
    gc.enable()


def test_python_searches_again_afterwards_also_after_an_error_and_where_one_start_is_within_another():
    @no_collection()
    def start():
        with no_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError

    with pytest.raises(ValueError):
        start()
    assert gc.isenabled() and gc.get_freeze_count() == 0, "objects of a host are its own"


def test_who_searches_for_no_cycles_is_left_alone():
    gc.disable()
    with no_collection():
        pass
    assert not gc.isenabled()


def test_what_a_command_starts_with_is_looked_at_no_more():
    keep_what_starts()
    with no_collection():
        lasting = [[]]
    assert gc.get_freeze_count() > 0 and not any(each is lasting for each in gc.get_objects())
