"""A process that has imported everything and forks a `handbone` for each line it reads, to be killed where it says.

A request is a line of JSON: {"start": words, "folder": path, "kill": [point, step]} answers with a process id, and
{"wait": id} or {"end": id} (kill -9 first) with its exit code. `Commands` is its other end, for tests.
"""

import importlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from adapt_small import adapt_quickly

#: Every step of a run, as small as it gets.
RECIPE = """
extends = "tiny"
data.path = "synthetic"
synthetic = { train = 2, test = 1, size = 64, stream = 2, seed = 3 }
seed = 5

[coarse]
size = 64
model = { name = "small" }
train = { epochs = 2, progressive_resizing = [], lr = 0.02 }

[refine]
size = 32
model = { name = "small" }
train = { epochs = 2, lr = 0.02 }

[merge]
gate = "calibrated"

[predict]
calibrate = 2

[prompt]
prompter = { name = "segment_anything", checkpoint = "small.pth" }
tune = { rois = 2, validation = 1, epochs = 2 }

[report]
image_size = 200
"""
STEPS = (
    *("synthetic", "images", "coarse", "frames", "refiner", "prompter"),
    *("calibration", "predictions", "evaluation", "report"),
)
#: Where a run can be made to kill itself: as a step begins, before its folder has its name, and when it is done.
POINTS = [(point, step) for step in STEPS for point in ("started", "made", "finished")] + [("published", "")]

#: Or, whatever the command: before the operation of this number that changes the names of files or folders.
CHANGES = ("replace", "rename", "link", "symlink", "unlink", "remove", "mkdir", "rmdir")

IMPORTED = (
    *(f"handbone.runs.steps.{name}" for name in ("prepare", "train", "prompter", "calibrate", "predict", "evaluate")),
    *("handbone.cli.run", "handbone.cli.run_show", "handbone.runs.engine", "handbone.runs.memory"),
    *("handbone.report.cases", "handbone.report.page", "handbone.report.page_metrics", "handbone.report.charts"),
    *("segment_anything.modeling", "jinja2.ext", "matplotlib.backends.backend_agg", "matplotlib.pyplot"),
    *(f"handbone.cli.{name}" for name in ("predict", "predict_show", "ensemble", "export", "refine", "adapt")),
    *(f"handbone.workflows.{name}" for name in ("predict", "page", "ensemble", "export", "refine", "adapt.run")),
)


class Commands:
    """Starts the process, and asks it for commands."""

    def __init__(self, place: Path):
        self.place = place
        here = str(Path(__file__).parent)
        path = os.pathsep.join([here, *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        told = {name: value for name, value in os.environ.items() if not name.startswith("HANDBONE_")}
        self._process = subprocess.Popen(
            [sys.executable, __file__], env={**told, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "300"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=place,
        )  # fmt: skip

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(300)

    def folder(self, name: str) -> Path:
        """A new folder with the recipe `mine.toml` in it, in which commands are given."""
        from prompters_small import write_checkpoint

        folder = self.place / name
        folder.mkdir()
        checkpoint = self.place / "small.pth"
        if not checkpoint.exists():
            write_checkpoint(checkpoint)
        shutil.copyfile(checkpoint, folder / "small.pth")
        (folder / "mine.toml").write_text(RECIPE, encoding="utf-8")
        return folder

    def start(self, folder: Path, *words: str, kill=None) -> int:
        """Begin `handbone WORDS` in a folder; gives its process id."""
        return self._ask({"start": words, "folder": str(folder), "kill": kill})

    def wait(self, pid: int) -> int:
        """The exit code; -9 where it was killed."""
        return self._ask({"wait": pid})

    def end(self, pid: int) -> int:
        """As `wait`, after kill -9."""
        return self._ask({"end": pid})

    def do(self, folder: Path, *words: str, kill=None) -> int:
        """A command to its end."""
        return self.wait(self.start(folder, *words, kill=kill))

    def start_run(self, folder: Path, *words: str, kill=None) -> int:
        """Begin `handbone run mine.toml WORDS`; gives its process id."""
        return self.start(folder, "run", "mine.toml", *words, kill=kill)

    def run(self, folder: Path, *words: str, kill=None) -> int:
        """Run to the end."""
        return self.wait(self.start_run(folder, *words, kill=kill))

    def _ask(self, request: dict) -> int:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def said(folder: Path, stream: str = "stderr") -> str:
    """What the last command in a folder printed."""
    return (folder / f"{stream}.txt").read_text(encoding="utf-8")


def _serve() -> None:
    from training_small import register_small

    for module in IMPORTED:
        importlib.import_module(module)
    register_small()
    # OpenCV's threads would be gone in a fork, and its workers wait for them for ever.
    importlib.import_module("cv2").setNumThreads(1)
    importlib.import_module("handbone.synthetic").draw_hand(0, size=64)  # loads what numba has compiled
    alive: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer = os.fork() or _child(request)
            alive.add(answer)
        else:
            pid = request.get("wait") or request["end"]
            if "end" in request:
                os.kill(pid, signal.SIGKILL)
            answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            alive.discard(pid)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()
    for pid in alive:  # of tests that failed
        os.killpg(pid, signal.SIGKILL)


def _child(request: dict) -> None:
    code = 1
    try:
        os.setsid()
        os.chdir(request["folder"])
        os.environ["HANDBONE_CACHE"] = str(Path(request["folder"]) / "cache")
        for number, name in ((0, os.devnull), (1, "stdout.txt"), (2, "stderr.txt")):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(name, flags, 0o666), number)
        if request["start"][0] == "adapt":
            adapt_quickly()
        _arm(*(request["kill"] or ("", "")))
        sys.argv = ["handbone", *request["start"]]
        import handbone.cli

        handbone.cli.main()
        code = 0
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _arm(point: str, step: str) -> None:
    """Have this process kill itself there; or, at "waiting", wait in the step until there is a file `go`."""
    from handbone.plugins import hookimpl, registry
    from handbone.runs import engine, folder

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    class Killer:
        @hookimpl
        def handbone_step_started(self, step):
            if (point, step) == ("started", wanted):
                die()
            while (point, step) == ("waiting", wanted) and not Path("go").exists():
                time.sleep(0.02)

        @hookimpl
        def handbone_step_finished(self, step):
            if (point, step) == ("finished", wanted):
                die()

        @hookimpl
        def handbone_epoch_ended(self, stage, epoch):
            if (point, stage) == ("epoch", wanted) or (point, stage, epoch) == ("second epoch", wanted, 1):
                die()

    wanted, move = step, folder.move
    registry().register(Killer(), package="killer")
    if point == "change":
        _count_changes(int(step), die)
    if point == "made":
        folder.move = lambda source, target: die() if target.name == wanted else move(source, target)
    if point == "published":
        engine.write_manifest = lambda *_, **__: die()


def _count_changes(last: int, die: Callable[[], None]) -> None:
    """Die before the change of this number; `changes.txt` gets how many there were where the process lives on."""
    made = itertools.count(1)

    def counted(change):
        def counting(*words, **options):
            if next(made) == last:
                die()
            return change(*words, **options)

        return counting

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    exit_at_once = os._exit

    def leave(code):
        Path("changes.txt").write_text(str(next(made) - 1))
        exit_at_once(code)

    os._exit = leave


if __name__ == "__main__":
    _serve()
