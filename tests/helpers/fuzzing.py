"""What every fuzz target does: edit good input, and allow nothing but HandboneError, soon and in little memory.

A target tries some examples in an ordinary run of the tests. With `HANDBONE_FUZZ_SECONDS=30` every reader is tried for
30 seconds with new ones, and the numbers of trials are printed: `tests/fuzz/run.py` does that on several cores.
"""

import contextlib
import copy
import faulthandler
import functools
import hashlib
import json
import math
import os
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from handbone.core.errors import HandboneError

MOST_SECONDS, MOST_BYTES = 10, 2 << 30
#: How long each reader is tried; 0: some examples, the same ones each time.
SECONDS = float(os.environ.get("HANDBONE_FUZZ_SECONDS", 0))
#: Whether each reader is tried with the same examples each time: one round of them at the most.
SAME = bool(os.environ.get("HANDBONE_FUZZ_SAME"))
_EXAMPLES, _ROUND = 200, 5000
#: The share of each of the 13 targets of other readers than those that the campaign is for.
OTHERS = 1 / 13 if SECONDS else 0.5
#: Input that is kept of every reader beside what the targets make.
KEPT = Path(__file__).parents[1] / "fuzz" / "corpus"
#: Where input that fails is kept.
FOUND = Path(tempfile.gettempdir()) / "handbone-fuzz"
# Input that stops a native decoder for good would stop the campaign, too.
_HANGS = 6 * MOST_SECONDS


@dataclass
class Tried:
    """How often a reader was tried, seconds of all and processor seconds of the slowest, and the most memory so far."""

    reader: str
    executions: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    peak_mb: int = 0

    def to_json(self) -> dict[str, str | float]:
        return asdict(self)


#: What campaigns did since somebody asked, see tests/fuzz/conftest.py.
DONE: list[Tried] = []


def campaign(reader: str, *, share: float = 1) -> Callable:
    """A hypothesis test as a fuzz target of a reader.

    share: of the reader's seconds, or examples, that this target takes.
    """

    def of(test):
        tried, until = Tried(reader), [math.inf]
        inner = test.hypothesis.inner_test

        @functools.wraps(inner)
        def once(*args, **kwargs):
            if time.monotonic() > until[0]:
                raise _TimeIsUp
            begun = time.process_time()
            try:
                inner(*args, **kwargs)
            except Exception:
                until[0] = math.inf  # hypothesis tries it again, however long that takes
                raise
            tried.executions += 1
            tried.slowest = max(tried.slowest, time.process_time() - begun)

        test.hypothesis.inner_test = once
        chosen = settings(
            max_examples=_ROUND if SECONDS else max(int(_EXAMPLES * share), 10),
            deadline=None,
            derandomize=SAME or not SECONDS,
            suppress_health_check=list(HealthCheck),
        )(test)

        @functools.wraps(test)
        def whole(*args, **kwargs):
            begun = time.monotonic()
            until[0] = begun + SECONDS * share if SECONDS else math.inf
            try:
                with contextlib.suppress(_TimeIsUp):
                    chosen(*args, **kwargs)
                    while SECONDS and not SAME:  # hypothesis remembers what it tried, so that a round must end
                        chosen(*args, **kwargs)
            finally:
                tried.seconds, tried.peak_mb = time.monotonic() - begun, peak_bytes() >> 20
                DONE.append(tried)

        return whole

    return of


class _TimeIsUp(BaseException):
    """Ends a round; hypothesis takes exceptions of other kinds for failures."""


#: Numbers and what stands in their place.
NASTY = (
    *(0, -1, 1, 2**31, 2**40, 2**63, -(2**63), 10**400, 0.5, 1e9, -1e9, 1e308, math.nan, math.inf, -math.inf),
    *(True, None, "", "1", "-1", "１２", "1_0", "9" * 400, "\ud800", "../secret.png", "/etc/passwd"),
    *([], {}, [[]], [[1]]),
)
WORDS = (
    *(b"", b"0", b"-1", b"1_0", b"9" * 400, b"1e9", b"nan", b"\x00", b"\xff", b"\r", b"\n", b'"', b",", b";", b"."),
    *(b"[" * 400, b"{" * 400, b"\xef\xbb\xbf", b"\xff\xfe", "１".encode(), b"\\", b"'", b"= "),
)


class Corpus(tuple):
    """Good input that others are made from; too long to be shown."""

    @classmethod
    def of(cls, reader: str, made=()) -> "Corpus":
        """Bytes that a target makes, and those that are kept of its reader."""
        return cls([*made, *(path.read_bytes() for path in sorted(KEPT.glob(f"{reader}/*")))])

    def __repr__(self) -> str:
        return f"Corpus of {len(self)}"


# One seed an example: hypothesis would choose each number of an edit, which takes longer than what is tested.
CHANCES = st.integers(0, 2**64 - 1).map(random.Random)


def edited_bytes(corpus: Sequence[bytes], words: Sequence[bytes] = WORDS) -> st.SearchStrategy[bytes]:
    """Some of the corpus with a few stretches cut out, changed, repeated, or written over, also by some words."""
    return CHANCES.map(lambda rng: edit_bytes(rng, corpus, words))


def edited_json(corpus: Sequence[Any]) -> st.SearchStrategy[Any]:
    """A JSON value with a few of its values, wherever they stand, replaced, removed or repeated."""
    return CHANCES.map(lambda rng: edit_json(rng, corpus))


def edit_bytes(rng: random.Random, corpus: Sequence[bytes], words: Sequence[bytes] = WORDS) -> bytes:
    """As `edited_bytes`, for one choice."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 4])):
        at = rng.randrange(len(data) + 1)
        gone = rng.choice([0, 0, 1, 1, 2, 4, 8, 100, 10**6])
        word = rng.choice(
            [
                rng.choice(words) * rng.choice([1, 1, 1, 3, 1000]),
                rng.randbytes(rng.randrange(9)),
                bytes(byte ^ 1 << rng.randrange(8) for byte in data[at : at + min(gone, 8)]),
                bytes(data[rng.randrange(len(data) + 1) :][: gone % 5000]),
            ]
        )
        data[at : at + gone] = word
    return bytes(data)


def edit_json(rng: random.Random, corpus: Sequence[Any]) -> Any:
    """As `edited_json`, for one choice."""
    value = copy.deepcopy(rng.choice(corpus))
    for _ in range(rng.randint(1, 4)):
        inside = value
        while isinstance(inside, dict | list) and inside:
            key = rng.choice(sorted(inside) if isinstance(inside, dict) else range(len(inside)))
            if isinstance(inside[key], dict | list) and inside[key] and rng.randrange(10):
                inside = inside[key]
                continue
            if isinstance(inside, list) and rng.randrange(2):
                inside.insert(key, copy.deepcopy(inside[key]))
            elif rng.randrange(5):
                inside[key] = copy.deepcopy(rng.choice(NASTY))
            else:
                del inside[key]
            break
    return value


def json_bytes(value) -> bytes:
    """As text; what no UTF-8 holds is escaped."""
    return json.dumps(value).encode()


@contextlib.contextmanager
def refused_or_read(tried: Path | str) -> Iterator[None]:
    """Nothing but HandboneError comes out, within seconds and without gigabytes.

    tried: the file, or text, that is read; a copy of one that fails is kept.
    """
    # Of the processor, as a busy machine answers late; what hangs is ended by the clock.
    begun, before = time.process_time(), peak_bytes()
    if SECONDS:
        faulthandler.dump_traceback_later(_HANGS, exit=True)
    try:
        with contextlib.suppress(HandboneError):
            yield
        assert time.process_time() - begun < MOST_SECONDS
        assert peak_bytes() - before < MOST_BYTES
    except BaseException:
        _keep(tried)
        raise
    finally:
        if SECONDS:
            faulthandler.cancel_dump_traceback_later()


def _keep(tried: Path | str) -> None:
    """Copy input to a folder of what was found, under a name of its content."""
    content = tried.encode("utf-8", "surrogatepass") if isinstance(tried, str) else tried.read_bytes()
    FOUND.mkdir(exist_ok=True)
    suffix = ".txt" if isinstance(tried, str) else tried.suffix
    (FOUND / f"{hashlib.sha256(content).hexdigest()[:12]}{suffix}").write_bytes(content)


def peak_bytes() -> int:
    """The most memory that this process has had so far, in bytes; what Python itself has had where that is unknown."""
    if sys.platform == "win32":
        return tracemalloc.get_traced_memory()[1]
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
