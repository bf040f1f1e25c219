"""Breaks one line at a time and tells whether the tests notice: `python tests/mutation/run.py [WORD...]`.

Each mutation is made on a copy of the checkout, so that a stopped run leaves nothing broken. Words choose the mutations
whose description holds one of them. The exit code is the number of mutations that survived.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutations import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("handbone", "tests", "recipes", "plugins", "docs", "pyproject.toml", "README.md", "constraints.txt")


def survives(mutation: Mutation, copy: Path) -> bool:
    """Whether the tests pass although the line is broken."""
    file = copy / mutation.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutation.before) != 1:
        raise SystemExit(
            f"{mutation.file} holds {mutation.before!r} {text.count(mutation.before)} times: mend the list"
        )
    file.write_text(text.replace(mutation.before, mutation.after), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "--tb=no", mutation.test]
    surroundings = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=copy, env=surroundings, capture_output=True)
    file.write_text(text, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(f"{mutation.test} cannot be run: {done.stdout.decode()[-500:]}")
    return done.returncode == 0


def main(words: list[str]) -> int:
    """Try the chosen mutations and print each one's end."""
    chosen = [m for m in MUTATIONS if not words or any(word in m.what for word in words)]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in _COPIED:
            source, target = ROOT / name, Path(folder) / name
            shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
        for number, mutation in enumerate(chosen, start=1):
            survived = survives(mutation, Path(folder))
            survivors += survived
            end = "SURVIVED" if survived else "caught"
            sys.stdout.write(f"{number}/{len(chosen)} {end}: {mutation.what} ({mutation.file})\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - survivors} of {len(chosen)} caught\n")
    return survivors


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
