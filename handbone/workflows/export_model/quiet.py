"""Packages that export networks: they say much on the way, and one tells its makers of each use."""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what exporters print of their own inner life from users, and the logging of this process as it was."""
    root = logging.getLogger()
    before, handlers, level = root.manager.disable, root.handlers[:], root.level
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        # OpenVINO's converter takes the root logger for itself.
        root.handlers[:] = handlers
        root.setLevel(level)


@contextlib.contextmanager
def unreported() -> Iterator[None]:
    """Keep OpenVINO's tools from telling their makers of each use, which they do unless they run in an automated test.

    Their other switch is a file in the user's home, which is not handbone's to write.
    """
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before
