"""The digest of a file is that of its content, also where it is remembered."""

import hashlib
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from handbone.core import digests
from handbone.core.checked_arrays import is_whole, save_checked
from handbone.core.digests import content_digest, forget_digests, keep_digests


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDBONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def reads(monkeypatch):
    """The files that were read."""
    names, sha256_of = [], digests.sha256_of

    def read(path):
        names.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(digests, "sha256_of", read)
    return names


def old(path, content: bytes):
    """A file whose status changed longer ago than a tick of the clock, as far as the index is concerned."""
    path.write_bytes(content)
    return path


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**18))


def test_a_file_is_read_once(tmp_path, reads, at_once):
    path = old(tmp_path / "a", b"one")
    assert content_digest(path) == content_digest(path) == hashlib.sha256(b"one").hexdigest()
    assert reads == ["a"]


def test_a_new_file_is_read_until_its_time_can_tell_a_change(tmp_path, reads):
    path = old(tmp_path / "a", b"one")
    content_digest(path), content_digest(path)
    assert reads == ["a", "a"]


def test_a_change_in_place_under_the_same_size_and_time_is_noticed(tmp_path, at_once):
    path = old(tmp_path / "a", b"one")
    first, stat = content_digest(path), path.stat()
    time.sleep(0.02)
    with open(path, "r+b") as file:
        file.write(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert content_digest(path) == hashlib.sha256(b"two").hexdigest() != first


def test_all_files_are_read_again_when_that_is_wanted(tmp_path, reads, at_once):
    path = old(tmp_path / "a", b"one")
    content_digest(path)
    forget_digests()
    content_digest(path), content_digest(path)
    assert reads == ["a", "a"]


def test_the_next_process_knows_what_this_one_read(tmp_path, at_once, cache):
    path = old(tmp_path / "a", b"one")
    content_digest(path)
    keep_digests()
    code = (
        "import sys; from handbone.core import digests; digests.sha256_of = None; "
        "print(digests.content_digest(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.strip() == content_digest(path), done.stderr


@pytest.mark.parametrize("degradation", ["flip", "cut", "empty", "list"])
def test_a_damaged_index_is_no_index(tmp_path, at_once, cache, degradation, monkeypatch):
    path = old(tmp_path / "a", b"one")
    content_digest(path)
    keep_digests()
    file = cache / "digests.txt"
    text = file.read_text()
    sum_ = hashlib.sha256(b"one").hexdigest()
    degraded = {"flip": text.replace(sum_, "0" * 64), "cut": text[:-20], "empty": "", "list": "[]"}
    file.write_text(degraded[degradation])
    assert digests._read(file) == {} and digests._Index(file).of(path) == sum_


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, at_once, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HANDBONE_CACHE", str(tmp_path / "file"))
    content_digest(old(tmp_path / "a", b"one"))
    keep_digests()


@pytest.mark.parametrize("degradation", ["payload", "header", "sum", "cut", "longer", "empty", "plain"])
def test_a_stored_array_knows_when_it_is_another_one(tmp_path, degradation):
    path, values = tmp_path / "a.npy", np.arange(300, dtype=np.uint16).reshape(20, 15)
    save_checked(path, values)
    assert is_whole(path) and np.array_equal(np.load(path, mmap_mode="r"), values)
    content = bytearray(path.read_bytes())
    places = {"payload": 200, "header": content.index(b"<u2") + 2, "sum": len(content) - 1}
    if degradation in places:
        content[places[degradation]] ^= 1
    elif degradation == "plain":
        np.save(path, values)
        content = bytearray(path.read_bytes())
    else:
        content = {"cut": content[:-40], "longer": content + b"0", "empty": bytearray()}[degradation]
    path.write_bytes(content)
    assert not is_whole(path)
