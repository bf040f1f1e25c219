"""What every fuzz target does: edit good input, and allow nothing but HandboneError, soon and in little memory.

`HANDBONE_FUZZ_EXAMPLES=20000 pytest tests/fuzz` runs longer than CI does; `--hypothesis-show-statistics` counts.
"""

import contextlib
import copy
import json
import math
import os
import sys
import time
import tracemalloc

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from handbone.core.errors import HandboneError

MOST_SECONDS, MOST_BYTES = 10, 2 << 30

#: How long a target runs: a few seconds in CI.
campaign = settings(
    max_examples=int(os.environ.get("HANDBONE_FUZZ_EXAMPLES", 500)),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

#: Numbers and what stands in their place.
NASTY = st.sampled_from(
    [
        *(0, -1, 1, 2**31, 2**40, 2**63, -(2**63), 10**400, 0.5, 1e9, -1e9, 1e308, math.nan, math.inf, -math.inf),
        *(True, None, "", "1", "-1", "１２", "1_0", "9" * 400, "\ud800", "../secret.png", "/etc/passwd"),
        *([], {}, [[]], [[1]]),
    ]
)
WORDS = st.sampled_from(
    [
        *(b"", b"0", b"-1", b"1_0", b"9" * 400, b"1e9", b"nan", b"\x00", b"\xff", b"\r", b"\n", b'"', b",", b";", b"."),
        *(b"[" * 400, b"{" * 400, b"\xef\xbb\xbf", b"\xff\xfe", "１".encode(), b"\\", b"'", b"= "),
    ]
)


class Corpus(tuple):
    """Good input that others are made from; too long to be shown."""

    def __repr__(self) -> str:
        return f"Corpus of {len(self)}"


@st.composite
def edited_bytes(draw, corpus):
    """Some of the corpus with a few stretches cut out, written over or repeated."""
    data = bytearray(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        gone = draw(st.sampled_from([0, 0, 1, 2, 8, 100, 10**6]))
        data[at : at + gone] = draw(st.one_of(WORDS, st.binary(max_size=8))) * draw(st.sampled_from([1, 1, 1, 3, 1000]))
    return bytes(data)


@st.composite
def edited_json(draw, corpus):
    """A JSON value with a few of its values, wherever they stand, replaced, removed or repeated."""
    value = copy.deepcopy(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(1, 4))):
        inside = value
        while isinstance(inside, dict | list) and inside:
            key = draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
            if isinstance(inside[key], dict | list) and inside[key] and draw(st.integers(0, 9)):
                inside = inside[key]
                continue
            if isinstance(inside, list) and draw(st.booleans()):
                inside.insert(key, copy.deepcopy(inside[key]))
            elif draw(st.integers(0, 4)):
                inside[key] = copy.deepcopy(draw(NASTY))
            else:
                del inside[key]
            break
    return value


def json_bytes(value) -> bytes:
    """As text; what no UTF-8 holds is escaped."""
    return json.dumps(value).encode()


@contextlib.contextmanager
def refused_or_read():
    """Nothing but HandboneError comes out, within seconds and without gigabytes."""
    begun = time.monotonic()
    before = _peak()
    with contextlib.suppress(HandboneError):
        yield
    assert time.monotonic() - begun < MOST_SECONDS
    assert _peak() - before < MOST_BYTES


def _peak() -> int:
    """The most memory that this process has had so far, in bytes; what Python itself has had where that is unknown."""
    if sys.platform == "win32":
        return tracemalloc.get_traced_memory()[1]
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
