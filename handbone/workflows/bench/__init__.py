"""How fast this machine predicts, by runtime, precision, threads and batch."""

from handbone.workflows.bench.bench import Bench, bench

__all__ = ["Bench", "bench"]
