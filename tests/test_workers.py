"""How many processes tests are spread over, see conftest.py."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    ("places", "cores", "benchmarks", "workers"),
    [
        ([TESTS], 4, False, 4),
        ([TESTS / "method", TESTS / "core"], 2, False, 2),
        ([TESTS], 1, False, 0),
        ([TESTS], 4, True, 0),
        ([TESTS / "plugin_kit"], 4, False, 0),
        ([f"{__file__}::{__name__}"], 4, False, 0),
    ],
)
def test_large_folders_are_shared_by_the_cores(request, monkeypatch, places, cores, benchmarks, workers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    config = SimpleNamespace(args=[str(place) for place in places], getoption={"benchmark_only": benchmarks}.get)
    assert request.config.hook.pytest_xdist_auto_num_workers(config=config) == workers
