"""Which of several processes writes."""

import os
import subprocess
import sys

import pytest
from cli_small import main
from prompters_small import write_checkpoint

import handbone.runs.engine
from handbone.cli import output
from handbone.core import progress
from handbone.core.errors import HandboneError
from handbone.recipe.schema import Train
from handbone.runs import ranks
from handbone.training import trainer


@pytest.mark.parametrize(
    ("surroundings", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "4", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_launchers_name_the_first_process(monkeypatch, surroundings, first):
    for name in ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    assert ranks.is_first_process() is first


@pytest.mark.parametrize(
    ("surroundings", "said"),
    [
        ({"RANK": "1", "LOCAL_RANK": "0"}, "Error: rank 1: "),
        ({"SLURM_PROCID": "3"}, "Error: rank 3: "),
        ({"LOCAL_RANK": "2", "NODE_RANK": "1"}, "Error: rank 2 of node 1: "),
        ({"RANK": "0", "LOCAL_RANK": "0"}, "Error: "),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("error", [HandboneError("no memory", where="there", remedy="wait"), OSError(28, "disk full")])
def test_every_process_says_why_it_ended(monkeypatch, capsys, tmp_path, surroundings, said, as_json, error):
    for name in ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(progress.console, "quiet", False)
    monkeypatch.setattr(output.Told, "json", False)

    def fail(*_):
        progress.console.print("progress")
        raise error

    first = said == "Error: "
    monkeypatch.setattr(handbone.runs.engine.Run, "execute" if first else "follow", fail)
    words = ["run", "tiny", "-o", tmp_path / "run", *(["--json"] if as_json else [])]
    assert main(monkeypatch, *words) == 1
    told = capsys.readouterr()
    sentence = "there: no memory; wait" if isinstance(error, HandboneError) else "disk full; free disk space"
    assert told.err.splitlines()[-1].startswith(said + sentence)
    assert (told.err.count("\n") == 1) is not first, "nothing else from a further process"
    assert bool(told.out) is (first and as_json), "the first process alone answers a program"


def test_a_process_does_not_wait_for_a_dead_one(monkeypatch):
    parents = iter([10, 10, 1])
    monkeypatch.setattr(ranks.os, "getppid", lambda: next(parents))
    monkeypatch.setattr(ranks.time, "sleep", lambda seconds: None)
    with pytest.raises(HandboneError, match="stopped before coarse"):
        ranks.wait_until(lambda: False, "coarse")


@pytest.mark.parametrize(
    ("surroundings", "devices", "spread"),
    [
        ({}, "auto", ("auto", 1)),
        ({"LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2"}, "auto", (2, 1)),
        ({"LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, "auto", (4, 2)),
        ({"LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2"}, 1, (1, 1)),
    ],
)
def test_a_training_is_spread_over_the_processes_of_torchrun(monkeypatch, surroundings, devices, spread):
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    assert trainer._spread(Train(devices=devices)) == spread


RECIPE = """
extends = "tiny"

[prompt]
prompter = { name = "segment_anything", checkpoint = "small.pth" }
tune = { rois = 3, validation = 2, epochs = 2 }
"""


@pytest.mark.slow
def test_torchrun_trains_a_whole_run_on_two_processes(tmp_path):
    write_checkpoint(tmp_path / "small.pth")
    (tmp_path / "mine.toml").write_text(RECIPE, encoding="utf-8")
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [*words, "-m", "handbone", "run", "mine.toml"]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "mine"
    assert (run / "report.html").is_file() and (run / "predictions.csv").is_file()
    assert done.stdout.count("A research tool") == 1, "the first process alone speaks"
    for network in ("Coarse network", "Refiner", "Mask decoder"):
        assert done.stderr.count(f"{network}: epoch 1/") == 1, "each training is spread, and told once"
