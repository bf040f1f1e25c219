"""One way of predicting, measured in a process of its own: memory and threads belong to a process."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from handbone.core.errors import HandboneError
from handbone.networks.exported import Runtime
from handbone.networks.grid_network import Precision

# The last line that a process prints starts so.
_MARK = "handbone bench "
# Longer than any machine should take; a process that hangs is given up.
_MOST_SECONDS = 1800
_BATCHES = (1, 4)


@dataclass(frozen=True)
class Case:
    """A way of predicting.

    Parameters
    ----------
    weights: what `TwoStage.from_path` takes. image: a radiograph. repeats: how often it is outlined.
    """

    runtime: Runtime
    precision: Precision
    threads: int
    weights: str
    image: str
    repeats: int = 3


@dataclass(frozen=True)
class Measured:
    """What a way of predicting costs, see the parameters of `Case`.

    Parameters
    ----------
    start_seconds: from the start of the process to the first result, with reading and loading.
    image_seconds: median for a whole radiograph, from pixels to masks.
    pass_seconds: median for one pass of the coarse network, of each image in a batch: batch to seconds.
    memory_mb: the most memory that the process held; 0 where the system does not tell.
    error: why there is no result; all others are 0 then.
    """

    runtime: str
    precision: str
    threads: int
    start_seconds: float = 0.0
    image_seconds: float = 0.0
    pass_seconds: dict[str, float] | None = None
    memory_mb: float = 0.0
    error: str | None = None


def measure(case: Case) -> Measured:
    """Measure a case in a new process."""
    command = [sys.executable, "-m", "handbone.workflows.bench.case", json.dumps(asdict(case))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return _failed(case, f"took more than {_MOST_SECONDS} seconds")
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if not lines:
        said = done.stderr.strip().splitlines()
        return _failed(case, said[-1] if said else f"ended with exit code {done.returncode}")
    return Measured(**json.loads(lines[-1].removeprefix(_MARK)))


def _failed(case: Case, error: str) -> Measured:
    return Measured(case.runtime, case.precision, case.threads, error=error)


def _measure_here(case: Case, started: float) -> Measured:
    from handbone.formats.image_files import read_image
    from handbone.method.settings import read_settings
    from handbone.method.two_stage import TwoStage
    from handbone.networks import runtime

    runtime.prepare(case.threads if case.runtime == "torch" else None)
    settings = read_settings(case.weights).but(precision=case.precision)
    method = TwoStage.from_path(case.weights, settings=settings, runtime=case.runtime, threads=case.threads)
    image = read_image(case.image).image
    method.predict(image)
    start = time.perf_counter() - started
    whole = [_seconds(partial(method.predict, image)) for _ in range(case.repeats)]
    side, network = method.coarse_stage.size, method.coarse_stage.predictor
    passes = {}
    for batch in _BATCHES:
        one = partial(network, np.zeros((batch, 1, side, side), np.float32))
        passes[str(batch)] = statistics.median(_seconds(one) for _ in range(case.repeats)) / batch
    return Measured(
        case.runtime,
        case.precision,
        case.threads,
        start_seconds=round(start, 3),
        image_seconds=round(statistics.median(whole), 3),
        pass_seconds={batch: round(seconds, 4) for batch, seconds in passes.items()},
        memory_mb=round(_most_memory_mb(), 1),
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _most_memory_mb() -> float:
    status = Path("/proc/self/status")
    if status.is_file():  # Linux's getrusage tells the most of this process and of the one that started it
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 0.0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most / 1e3


def _main() -> None:
    started = time.perf_counter()
    case = Case(**json.loads(sys.argv[1]))
    try:
        measured = _measure_here(case, started)
    except HandboneError as error:
        measured = _failed(case, str(error))
    print(_MARK + json.dumps(asdict(measured)))


if __name__ == "__main__":
    _main()
