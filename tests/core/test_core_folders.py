"""Folders take their place whole wherever that is, one process at a time, and dead processes leave nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handbone.core import files, folders
from handbone.core.errors import HandboneError
from handbone.core.folders import Place, atomic_dir
from handbone.core.locks import hold


class Killed(BaseException):
    """Nothing that a program could catch and go on."""


def fill(path, text):
    with atomic_dir(path) as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "a").write_text(text)


def content(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_killed_at_any_renaming_either_folder_is_there_again_the_next_time(tmp_path, monkeypatch):
    replace, left = os.replace, 0

    def killing(source, target):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        replace(source, target)

    def not_removed(*_, **__):
        """A killed process cleans nothing up."""

    for number in range(9):
        out, left = tmp_path / str(number) / "out", number
        fill(out, "old")
        with monkeypatch.context() as patched:
            patched.setattr(files.os, "replace", killing)
            patched.setattr(folders.shutil, "rmtree", not_removed)
            try:
                fill(out, "new")
                break
            except Killed:
                pass
        with pytest.raises(RuntimeError), atomic_dir(out):
            assert content(out) in ({"deep/a": "old"}, {"deep/a": "new"})
            raise RuntimeError
        assert names(out.parent) == ["out"], "nothing is left over"
    assert number >= 2


def test_what_dead_processes_left_beside_goes_and_other_files_stay(tmp_path):
    (tmp_path / ".out-0123456789ab").mkdir()
    for name in (".out-mine", ".outer-0123456789ab", ".out-0123456789abc"):
        (tmp_path / name).mkdir()
    fill(tmp_path / "out", "new")
    assert names(tmp_path) == [".out-0123456789abc", ".out-mine", ".outer-0123456789ab", "out"]


def test_two_at_once_and_the_second_says_so(tmp_path):
    with atomic_dir(tmp_path / "out") as temporary:
        (temporary / "a").write_text("first")
        with pytest.raises(
            HandboneError, match=r"out: another handbone process \(\d+ on .+\) is at work there; wait for it"
        ):
            fill(tmp_path / "out", "second")
    assert content(tmp_path / "out") == {"a": "first"} and names(tmp_path) == ["out"]


def test_a_lock_dies_with_its_holder_and_its_file_goes(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from handbone.core.locks import hold\n"
        "with hold(Path(sys.argv[1]), where='x', remedy='y'): print('held', flush=True); sys.stdin.read()"
    )
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", code, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(HandboneError, match="another handbone process"), hold(lock, where=lock, remedy="wait"):
            pass
        holder.kill()
        holder.wait()
        with hold(lock, where=lock, remedy="wait"):
            assert lock.exists()
    assert not lock.exists()


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk/results")
    for text in ("one", "two"):
        fill(tmp_path / "out", text)
        assert content(tmp_path / "disk" / "results") == {"deep/a": text}
    assert (tmp_path / "out").is_symlink() and names(tmp_path / "disk") == ["results"]


def test_the_current_folder_gets_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inode = tmp_path.stat().st_ino
    for text in ("one", "two"):
        fill(".", text)
        assert content(tmp_path) == {"deep/a": text}
    assert tmp_path.stat().st_ino == inode


@pytest.mark.parametrize("error", [16, 18], ids=["a mount point is busy", "a layer below"])
def test_a_folder_that_cannot_be_renamed_gets_the_files(error, tmp_path, monkeypatch):
    out, replace = tmp_path / "out", os.replace
    out.mkdir()

    def stubborn(source, target):
        crosses = Path(target).is_relative_to(out) and not Path(source).is_relative_to(out)
        if out in (Path(source), Path(target)) or (error == 18 and crosses):
            raise OSError(error, os.strerror(error), str(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", lambda source, target: stubborn(str(source), str(target)))
    fill(out, "new")
    assert content(out) == {"deep/a": "new"} and names(tmp_path) == ["out"]


def test_a_mount_point_gets_the_files(mounted):
    out = mounted("size=1m")
    for text in ("one", "two"):
        fill(out, text)
        assert content(out) == {"deep/a": text} and names(out.parent) == [out.name]


def test_a_file_in_the_way_is_named_and_made_folders_go_again(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(HandboneError, match=r"out: this is not a folder"), atomic_dir(tmp_path / "out"):
        pass
    with pytest.raises(RuntimeError), atomic_dir(tmp_path / "a" / "b" / "c"):
        raise RuntimeError
    assert names(tmp_path) == ["out"]


def test_names_as_long_as_they_can_be(tmp_path):
    fill(tmp_path / ("ä" * 127), "new")
    assert len(names(tmp_path)) == 1 and Place.of(tmp_path / "a").beside(".part").name == ".a.part"
