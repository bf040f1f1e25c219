"""Several processes train together: shares are equal, no image counts twice, and a lost loss ends all of them."""

import atexit
import csv
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_small import fit_small, small_network

import handbone
from handbone.training.feed import EpochSampler

# Seconds; importing torch alone takes a minute on a machine that is busy.
TIMEOUT = 600


@settings(deadline=None)
@given(st.integers(1, 7), st.integers(1, 3), st.integers(1, 9))
def test_every_process_gets_as_many_images_and_none_is_left_out(count, rounds, world):
    samplers = [EpochSampler(count, rounds=rounds, seed=1, rank=rank, world=world) for rank in range(world)]
    shares = [list(sampler) for sampler in samplers]
    assert {len(share) for share in shares} == {len(samplers[0])} == {-(-count * rounds // world)}
    read = [key for share in shares for key in share]
    assert set(read) == {(0, turn, index) for turn in range(rounds) for index in range(count)}
    times = [read.count(key) for key in set(read)]
    assert max(times) - min(times) <= 1


def train(folder, processes, images, kind="whole"):
    """Exit code and error output of each process of a training."""
    for _ in range(3):
        ended = start(folder, processes, images, kind)
        # Between the choice of a port and its use another program may take it.
        if not any("address already in use" in said.lower() or "eaddrinuse" in said.lower() for _, said in ended):
            break
        shutil.rmtree(folder, ignore_errors=True)
    return ended


def start(folder, processes, images, kind):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).parent / "training_ranks.py"
    surroundings = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join([str(Path(handbone.__file__).parents[1]), str(script.parents[1] / "helpers")]),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    command = [sys.executable, str(script), str(folder), str(processes), str(images), kind]
    # Files, as a process whose pipe is full would keep the others waiting.
    told = [folder.with_name(f"{folder.name}-{rank}.txt") for rank in range(processes)]
    started = []
    try:
        for rank, path in enumerate(told):
            with path.open("wb") as file:
                started.append(subprocess.Popen(command, env={**surroundings, "LOCAL_RANK": str(rank)}, stderr=file))
        for process in started:
            process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        pytest.fail("\n".join(path.read_text(errors="replace") for path in told))
    finally:
        for process in started:
            process.kill()
            process.wait()
    return [(process.returncode, path.read_text()) for process, path in zip(started, told, strict=True)]


def scores(folder):
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        return [float(row["val_dice"]) for row in csv.DictReader(file)]


@pytest.mark.slow
def test_three_processes_with_one_image_learn_what_one_process_does(tmp_path):
    """All read the same image, so their mean gradient is that of one; the two validation images count once each."""
    assert [code for code, _ in train(tmp_path / "one", 1, 1)] == [0]
    together = train(tmp_path / "three", 3, 1)
    assert [code for code, _ in together] == [0, 0, 0], together
    assert scores(tmp_path / "three") == pytest.approx(scores(tmp_path / "one"), abs=1e-4)


def test_a_process_leaves_the_others_before_it_ends(tmp_path, monkeypatch):
    at_end = []
    monkeypatch.setattr(atexit, "register", lambda function, *_, **__: at_end.append(function) or function)
    fit_small(tmp_path, small_network(epochs=1))
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    for function in at_end:
        if function.__module__.startswith("handbone."):
            function()
    assert not torch.distributed.is_initialized()


@pytest.mark.slow
def test_a_loss_that_is_lost_in_one_process_ends_all_with_the_same_sentence(tmp_path):
    together = train(tmp_path / "two", 2, 2, "without numbers")
    for code, said in together:
        assert code == 1, said
        assert "the loss is not finite in epoch 1" in said
