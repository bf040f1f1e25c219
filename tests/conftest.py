"""What tests of several folders share."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from data_toys import write_hand
from hypothesis import settings

from handbone.networks.runtime import cores

# A busy machine is slow now and then, which is no fault of what is tested. The same examples come each time, so that a
# change is judged by what it changes; the longer search for new ones is the weekly job's.
settings.register_profile("handbone", deadline=None, derandomize="HANDBONE_FUZZ_SECONDS" not in os.environ)
settings.load_profile("handbone")

#: What numpy, torch, OpenCV and numba read at their import.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "NUMBA_NUM_THREADS")

#: Fewer files of tests end sooner in one process than a worker starts.
_FILES_PER_WORKER = 8


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """As many workers as the cores and the files to test are worth; none for benchmarks, which need quiet cores."""
    if config.getoption("benchmark_only"):
        return 0
    places = [Path(argument.partition("::")[0]) for argument in config.args]
    files = sum(1 if place.is_file() else len(list(place.rglob("test_*.py"))) for place in places)
    workers = min(cores(), files // _FILES_PER_WORKER)
    return workers if workers > 1 else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    """Workers share the cores, so that each computes with one thread."""
    os.environ.update(dict.fromkeys(_THREADS, "1"))


#: Texts that stand for a value of another type.
_MISTYPED = re.compile(
    r"True|False|None|NaN|nan|[-+]?\d+\.\d*(e[-+]?\d+)?|\[.*\]|\{.*\}|array\(.*|<.* object at .*>", re.DOTALL
)


def wrongly_typed(value, place="$", *, free=()):
    """Places in a JSON value whose text stands for another type; `free`: names of keys with texts of any kind."""
    if isinstance(value, dict):
        return [p for key, v in value.items() if key not in free for p in wrongly_typed(v, f"{place}.{key}", free=free)]
    if isinstance(value, list):
        return [p for n, v in enumerate(value) for p in wrongly_typed(v, f"{place}[{n}]", free=free)]
    return [f"{place} = {value!r}"] if isinstance(value, str) and _MISTYPED.fullmatch(value) else []


def _no_number(word):
    raise AssertionError(f"{word} is not JSON")


@pytest.fixture
def read_json():
    """Reads JSON strictly (no NaN), and says where a text stands for a value of another type."""

    def read(text, *, free=()):
        value = json.loads(text, parse_constant=_no_number)
        assert wrongly_typed(value, free=free) == []
        return value

    return read


@pytest.fixture(scope="module")
def one_thread():
    """Networks this small only lose time to threads."""
    import torch  # not above: the process that hands out tests to workers, and many rooms, do without

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def contest(tmp_path: Path) -> Path:
    """A contest folder with its traps, such as underscores: four patients with both hands to train on, one for test."""
    root = tmp_path / "data"
    for number in range(1, 5):
        for side, mirrored in (("R", False), ("L", True)):
            suffix = f"_{side}" if number == 1 else ""
            bend = 40.0 if number == 3 else 2.0 * number
            name = f"image_16611308281{number}{side == 'L':d}{suffix}"
            write_hand(root, "train", f"ID{number:03}", name, mirrored=mirrored, bend=bend)
    write_hand(root, "test", "ID040", "image1661319116107", labelled=False)
    return root


@pytest.fixture
def mounted(tmp_path):
    """Mounts a small disk in memory at a folder of its own, with the options of tmpfs."""
    places = []

    def mount(options):
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this process may not mount a disk in memory")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)
