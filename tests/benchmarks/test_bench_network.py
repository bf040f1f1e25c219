"""What the process's set-up brings for networks on the CPU.

    python -m pytest tests/benchmarks/test_bench_network.py --benchmark-only

One forward pass of the recipe's coarse network at 1024, batch 1: with glibc's own memory thresholds and with
`runtime.prepare`, in float32 and in bfloat16, and one training step. Each case is a process of its own, because the
thresholds cannot be taken back.
"""

import subprocess
import sys

import pytest

from handbone.networks import runtime

_SCRIPT = """
import statistics, sys, time
from handbone.networks import runtime
prepare, precision, step = sys.argv[1] == "prepared", sys.argv[2], sys.argv[3] == "step"
if prepare:
    runtime.prepare()
import torch
from handbone.networks.losses.build import build_loss
from handbone.recipe.schema import Choice, LossTerm
from handbone.weights.network_file import build_network
model = Choice(name="unetplusplus", encoder="tf_efficientnet_lite0", encoder_weights="none")
network = build_network(model, 1).to(memory_format=torch.channels_last).train(step)
image = torch.rand(1, 1, 1024, 1024).contiguous(memory_format=torch.channels_last)
target = torch.zeros(1, 29, 1024, 1024)
loss = build_loss([LossTerm(name="dice"), LossTerm(name="bce")])

def once():
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"), torch.inference_mode(not step):
        logits = network(image)
        if step:
            loss(logits.contiguous(), target).backward()
        return logits

once()
times = []
for _ in range(3):
    start = time.perf_counter()
    once()
    times.append(time.perf_counter() - start)
print(statistics.median(times))
"""

_CASES = [
    ("plain", "32", "forward"),
    ("prepared", "32", "forward"),
    ("plain", "bf16", "forward"),
    ("prepared", "bf16", "forward"),
    ("plain", "bf16", "step"),
    ("prepared", "bf16", "step"),
]


def seconds(memory: str, precision: str, work: str) -> float:
    """Median seconds of a forward pass or training step in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, memory, precision, work],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return float(done.stdout)


@pytest.mark.parametrize("case", _CASES, ids=" ".join)
def test_unetplusplus_at_1024(benchmark, case):
    if case[1] == "bf16" and not runtime.cpu_supports_bf16():
        pytest.skip("this CPU emulates bfloat16")
    benchmark.extra_info["median_seconds"] = benchmark.pedantic(seconds, args=case, rounds=1)


def test_keeping_memory_pays(benchmark):
    """The ratio that `runtime.prepare` promises; on a busy machine the single times mean little."""
    plain = seconds("plain", "32", "forward")
    prepared = benchmark.pedantic(seconds, args=("prepared", "32", "forward"), rounds=1)
    benchmark.extra_info["ratio"] = plain / prepared
    assert prepared < plain
