"""What a process does that is to end with its parent, system by system, told in one process."""

import ctypes
import os
import signal
from types import SimpleNamespace

import pytest

from handbone.core import processes


class Ended(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def child(monkeypatch):
    """A child whose parent is 7 for as many looks as `looks` says; what it asked the system for is in `asked`."""
    state = SimpleNamespace(looks=10**9, asked=[], watched=[], slept=0)

    def getppid():
        state.looks -= 1
        return 7 if state.looks >= 0 else 1

    def end(code):
        raise Ended(code)

    def sleep(seconds):
        state.slept += seconds

    def thread(target, args, daemon):
        return SimpleNamespace(start=lambda: state.watched.append((target, args, daemon)))

    def prctl(*arguments):
        state.asked.append(arguments)
        return state.answer

    state.answer = 0
    monkeypatch.setattr(os, "getppid", getppid, raising=False)
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(processes.time, "sleep", sleep)
    monkeypatch.setattr(processes.threading, "Thread", thread)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(prctl=prctl))
    return state


def test_linux_is_asked_to_kill_and_nothing_watches(child, monkeypatch):
    monkeypatch.setattr(processes.sys, "platform", "linux")
    processes.end_with(7)
    assert child.asked == [(1, signal.SIGKILL)] and child.watched == []


@pytest.mark.parametrize(("platform", "answer"), [("linux", -1), ("darwin", 0)])
def test_a_thread_watches_where_the_system_does_not(child, monkeypatch, platform, answer):
    monkeypatch.setattr(processes.sys, "platform", platform)
    child.answer = answer
    processes.end_with(7)
    ((watch, parents, daemon),) = child.watched
    assert parents == (7,) and daemon, "a process ends without waiting for it"
    child.looks = 4
    with pytest.raises(Ended, match="1"):
        watch(*parents)
    assert child.slept == 4 * processes._POLL_SECONDS == 4.0


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_parent_that_is_gone_already_ends_it_at_once(child, monkeypatch, platform):
    monkeypatch.setattr(processes.sys, "platform", platform)
    child.looks = 0
    with pytest.raises(Ended, match="1"):
        processes.end_with(7)
    assert child.watched == []


def test_on_windows_nothing_is_done(child, monkeypatch):
    monkeypatch.setattr(processes.sys, "platform", "win32")
    child.looks = 0
    processes.end_with(7)
    assert child.asked == [] == child.watched
