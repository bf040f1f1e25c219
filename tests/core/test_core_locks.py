"""A lock is one process's; a second one reads whose it is, and what is left of dead holders stops nobody."""

import contextlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from handbone.core import locks
from handbone.core.errors import HandboneError
from handbone.core.locks import hold


def held(lock):
    return hold(lock, where=Path("out"), remedy="wait for it")


@pytest.fixture(params=["system", "windows"])
def kind(request, monkeypatch):
    """Locks of this system, and those of the library that stands in for them on Windows."""
    if request.param == "windows":
        monkeypatch.setattr(locks, "fcntl", None)
    return request.param


def test_a_lock_can_be_taken_again_and_leaves_no_file(tmp_path, kind):
    lock = tmp_path / "deep" / ".lock"
    for _ in range(3):
        with held(lock):
            assert lock.exists()
        assert not lock.exists() and lock.parent.is_dir()


def test_a_second_holder_is_refused_and_the_first_one_keeps_it(tmp_path, kind):
    lock = tmp_path / ".lock"
    with held(lock):
        for _ in range(2):
            with pytest.raises(HandboneError, match=r"^out: another handbone process") as error, held(lock):
                pytest.fail("two hold it")
            assert error.value.remedy == "wait for it" and "is at work there" in error.value.what
        assert lock.exists()
    with held(lock):
        pass


def test_the_refusal_says_who_where_and_since_when(tmp_path):
    with held(tmp_path / ".lock"), pytest.raises(HandboneError) as error, held(tmp_path / ".lock"):
        pass
    told = re.search(r"\((\d+) on (.*), since \d{4}-\d\d-\d\d \d\d:\d\d\)", error.value.what)
    assert told and int(told[1]) == os.getpid() and told[2] == platform.node()


@pytest.mark.parametrize("text", [b"", b"\xff\xfe"])
def test_a_holder_that_left_no_name_is_another_process_all_the_same(tmp_path, text):
    lock = tmp_path / ".lock"
    with held(lock):
        lock.write_bytes(text)
        with pytest.raises(HandboneError, match=r"^out: another handbone process is at work there; wait for it$"):
            held(lock).__enter__()


@pytest.mark.parametrize("text", ["", "4711 on elsewhere, since 2001-01-01 00:00, and much longer than any other"])
def test_a_file_that_a_dead_process_left_is_no_lock(tmp_path, kind, text):
    (tmp_path / ".lock").write_text(text)
    with held(tmp_path / ".lock"):
        if kind == "system":
            told = (tmp_path / ".lock").read_text()
            assert told.startswith(f"{os.getpid()} on ") and "longer" not in told
    assert not (tmp_path / ".lock").exists()


def test_an_error_in_the_block_frees_the_lock(tmp_path, kind):
    for kind_of in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(kind_of), held(tmp_path / ".lock"):
            raise kind_of
        assert not (tmp_path / ".lock").exists()


def test_two_locks_of_one_folder_do_not_meet(tmp_path, kind):
    with held(tmp_path / "a.lock"), held(tmp_path / "b.lock"):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.lock", "b.lock"]


def test_a_lock_whose_file_someone_removed_is_given_back_quietly(tmp_path, kind):
    with held(tmp_path / ".lock"):
        (tmp_path / ".lock").unlink()
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has other locks")
def test_a_full_disk_stops_no_lock(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(locks.os, "write", full)
    with held(tmp_path / ".lock"), pytest.raises(HandboneError, match="another handbone process is at work"):
        held(tmp_path / ".lock").__enter__()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other locks")
def test_descriptors_are_closed_whoever_wins(tmp_path):
    def opened():
        return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0

    before = opened()
    with held(tmp_path / ".lock"):
        for _ in range(20):
            with contextlib.suppress(HandboneError), held(tmp_path / ".lock"):
                pass
        assert opened() == before + (1 if before else 0)
    assert opened() == before


CHILD = """
import sys
from pathlib import Path
from handbone.core.locks import hold
with hold(Path(sys.argv[1]), where=Path("out"), remedy="wait"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_holds_it_until_it_ends(tmp_path):
    lock = tmp_path / ".lock"
    command = [sys.executable, "-c", CHILD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(HandboneError, match=rf"process \({child.pid} on "):
            held(lock).__enter__()
        child.stdin.close()
        assert child.wait(10) == 0
    with held(lock):
        pass
