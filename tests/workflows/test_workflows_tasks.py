"""Work for several processes: results in order, the crew that is asked for, and processes that end with this one."""

import os
import signal
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import cv2
import pytest

from handbone.core.errors import HandboneError
from handbone.networks import runtime
from handbone.workflows import local_processes, pool
from handbone.workflows.cluster import on_cluster
from handbone.workflows.crews import crew_of
from handbone.workflows.local_processes import in_processes
from handbone.workflows.one_by_one import Outcome
from handbone.workflows.tasks import each_in_order, here, in_reach


def test_results_come_as_soon_as_all_before_them_are_there():
    """One that is late holds back those behind it and nothing else."""
    arrived = []

    def late(task, items):
        ready, items = task.open(), list(items)
        for place in (1, 0, 3, 2):
            arrived.append(place)
            yield ready.one(items[place])

    got = []
    for item, result in each_in_order(lambda: str, (10, 11, 12, 13), title="", crew=late):
        got.append((item, result, len(arrived)))
    assert got == [(10, "10", 2), (11, "11", 2), (12, "12", 4), (13, "13", 4)]


def test_a_crew_has_ended_when_the_work_is_given_up():
    ended = []

    def crew(task, items):
        try:
            yield from map(task.open().one, items)
        finally:
            ended.append(True)

    made = each_in_order(lambda: str, range(5), title="", crew=crew)
    next(made)
    assert not ended
    made.close()
    assert ended == [True]


def test_what_is_not_an_items_fault_ends_the_work():
    def broken(item):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        list(each_in_order(lambda: broken, ("a.png",), title=""))


def test_two_pieces_of_work_are_never_taken_for_one_another():
    """A process opens each just once: two that compare as equal would get one another's function."""
    seen = []

    def crew(task, items):
        seen.append(task)
        return (pool.do(task, item) for item in items)

    assert list(each_in_order(lambda: str.upper, ("a",), title="", crew=crew)) == [("a", "A")]
    assert list(each_in_order(lambda: str.title, ("bc",), title="", crew=crew)) == [("bc", "Bc")]
    assert seen[0] != seen[1] and len({*seen}) == 2


def test_a_process_opens_a_task_once_and_forgets_it_for_the_next():
    opened = []

    @dataclass(frozen=True)
    class Counted:
        name: str

        def open(self):
            opened.append(self.name)
            return self

        def one(self, item):
            return f"{self.name}{item}"

    assert [pool.do(Counted("a"), n) for n in range(3)] == ["a0", "a1", "a2"]
    assert pool.do(Counted("b"), 0) == "b0" and pool.do(Counted("b"), 1) == "b1"
    assert opened == ["a", "b"]


def test_what_is_open_here_is_passed_to_workers_of_this_process_alone():
    made = object()
    assert in_reach(here, made, object)() is made
    assert in_reach(partial(in_processes, count=2), made, object)() is not made


def test_the_crew_that_is_asked_for():
    assert crew_of(1, None) is here
    several = crew_of(3, None)
    assert (several.func, several.keywords) == (in_processes, {"count": 3})
    cluster = crew_of(1, "tcp://scheduler:8786")
    assert (cluster.func, cluster.keywords) == (on_cluster, {"address": "tcp://scheduler:8786"})


@pytest.mark.parametrize("address", ["local:0", "local:", "local:two", "local:-1", "scheduler", "", "localhost:8786"])
def test_what_is_no_cluster_is_refused_before_any_work(address):
    with pytest.raises(HandboneError, match="is no cluster; write local:8 for eight workers"):
        crew_of(1, address)


def test_workers_beside_a_cluster_are_refused_with_what_to_write():
    with pytest.raises(HandboneError, match="--cluster local:4, or --workers 4 alone"):
        crew_of(4, "local:2")


class Told:
    """Stands in for a process: notes how it is ended, and does its work at once."""

    lost, patience = (), 1

    def __init__(self, threads, device, ends, interrupted=False):
        self.threads, self.device, self.ends, self.interrupted = threads, device, ends, interrupted

    def room(self):
        return 1

    def submit(self, work, task, item):
        future = Future()
        future.set_result(Outcome(item, (item,)))
        return future

    def close(self):
        self.ends.append(("close", self.device))
        if self.interrupted:
            raise KeyboardInterrupt

    def kill(self):
        self.ends.append(("kill", self.device))


@dataclass(frozen=True)
class Networks:
    networks: bool = True

    def lost(self, item, why):
        return Outcome(item, error=why)


@pytest.fixture
def processes(monkeypatch):
    """Processes that are none, on a machine of eight cores with two GPUs."""
    made, ends = [], []

    def new(threads, device):
        made.append(Told(threads, device, ends, new.interrupted))
        return made[-1]

    new.interrupted = False
    monkeypatch.setattr(local_processes, "_Process", new)
    monkeypatch.setattr(runtime, "cores", lambda: 8)
    monkeypatch.setattr(local_processes, "_devices", lambda: ["0", "1"])
    new.made, new.ends = made, ends
    return new


@pytest.mark.parametrize(
    ("count", "networks", "threads", "devices"),
    [
        (3, True, [2, 2, 2], ["0", "1", "0"]),
        (1, True, [8], ["0"]),
        (9, True, [1] * 9, ["0", "1"] * 4 + ["0"]),
        (2, False, [4, 4], [None, None]),
    ],
)
def test_processes_share_cores_and_those_with_networks_the_gpus(processes, count, networks, threads, devices):
    found = list(in_processes(Networks(networks), ["a", "b", "c"], count=count))
    assert sorted(outcome.name for outcome in found) == ["a", "b", "c"]
    assert [place.threads for place in processes.made] == threads
    assert [place.device for place in processes.made] == devices
    assert [end for end, _ in processes.ends] == ["close"] * count, "each is waited for, and none killed"


def test_ctrl_c_waits_for_the_images_at_work_and_is_passed_on(processes, capsys):
    with pytest.raises(KeyboardInterrupt), local_processes._processes(2, []):
        raise KeyboardInterrupt
    assert [end for end, _ in processes.ends] == ["close", "close", "kill", "kill"]
    assert "Stopping once the images at work are done" in capsys.readouterr().err


def test_a_second_ctrl_c_kills_all_processes_at_once(processes):
    processes.interrupted = True
    with pytest.raises(KeyboardInterrupt), local_processes._processes(2, ["0", "1"]):
        raise KeyboardInterrupt
    # The first process was still waited for: the second is not waited for, and both are killed.
    assert processes.ends == [("close", "0"), ("kill", "0"), ("kill", "1")]


@pytest.mark.parametrize(
    ("available", "named", "devices"),
    [(False, None, []), (True, None, ["0", "1"]), (True, "3,5", ["3", "5"]), (True, "GPU-1", ["GPU-1"])],
)
def test_gpus_are_those_that_this_process_may_use(monkeypatch, available, named, devices):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    if named is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert local_processes._devices() == devices
    monkeypatch.setattr(local_processes, "find_spec", lambda name: None)
    assert local_processes._devices() == [], "exported networks need no torch"


def test_a_worker_ends_with_its_parent_and_leaves_ctrl_c_to_it(monkeypatch):
    told = []
    monkeypatch.setattr(local_processes, "end_with", lambda parent: told.append(parent))
    monkeypatch.setattr(runtime, "limit_threads", lambda count: told.append(count))
    monkeypatch.setattr(cv2, "setNumThreads", lambda count: told.append(count))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    before = signal.getsignal(signal.SIGINT)
    try:
        local_processes._begin(77, 3, None)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1", "without a share all of them"
        local_processes._begin(77, 3, "1")
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert told == [77, 3, 3] * 2 and os.environ["CUDA_VISIBLE_DEVICES"] == "1"


@pytest.fixture
def interruptible():
    """Ctrl-C raises KeyboardInterrupt: jobs of a shell may start without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no masks of signals")
@pytest.mark.parametrize("of_others", [False, True])
def test_ctrl_c_waits_while_a_process_is_started_and_comes_then(interruptible, of_others):
    """Also where the system hands it to another thread, which does not wait."""
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    to = other if of_others else threading.current_thread()
    try:
        with pytest.raises(KeyboardInterrupt):
            with local_processes._interrupts_wait():
                signal.pthread_kill(to.ident, signal.SIGINT)
                time.sleep(0.05)
                started = True
            raise AssertionError("it comes at the end of the block")
    finally:
        over.set()
        other.join()
    assert started and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_ctrl_c_goes_on_ignoring_it(interruptible):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with local_processes._interrupts_wait():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_threads_that_handle_no_signal_start_processes_too(interruptible):
    done = []

    def work():
        with local_processes._interrupts_wait():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.default_int_handler]
