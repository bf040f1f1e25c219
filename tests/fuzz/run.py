"""Try every reader with edited files for some seconds each: `python tests/fuzz/run.py --seconds 600 --jobs 4`.

Prints how often each was tried. Input that fails is kept, and its path printed. Exit code 0 where nothing fails.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="for each reader (default: 30)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="readers at once (default: all cores)")
    parser.add_argument("--same", action="store_true", help="the same input each time, 5,000 a reader at most")
    parser.add_argument("rest", nargs="*", help="what pytest is told beside, after --, such as: -k csv")
    asked = parser.parse_args()
    words = [sys.executable, "-m", "pytest", "-q", "-n", str(asked.jobs), "--dist", "load", "--maxschedchunk", "1"]
    environment = os.environ | {"HANDBONE_FUZZ_SECONDS": str(asked.seconds)}
    if asked.same:
        environment["HANDBONE_FUZZ_SAME"] = "1"
    return subprocess.run([*words, str(Path(__file__).parent), *asked.rest], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
