"""Events for plugins: something has happened, and whoever asked for it is told; nobody can stop the work by it."""

import contextlib
import sys
from typing import Any

from handbone.core.errors import HandboneError
from handbone.plugins.checks import error_text
from handbone.plugins.manager import is_strict, registry

#: The event that an image has been outlined.
PREDICTION_MADE = "handbone_prediction_made"


def has_listeners(event: str) -> bool:
    """Whether any plugin listens to an event, for arguments that take time to work out."""
    return any(listener.hook == event for listener, _, _ in registry().events)


def notify(event: str, **arguments: Any) -> None:
    """Call every plugin that listens, with those arguments that it names; to be called by the first process only.

    The first failure of a plugin is reported in one line on stderr, and the work continues. Its output also goes to
    stderr, because stdout is for results.

    Raises
    ------
    HandboneError: a plugin failed, and HANDBONE_STRICT_PLUGINS is set.
    """
    manager = registry()
    for listener, package, version in manager.events:
        if listener.hook != event:
            continue
        try:
            with contextlib.redirect_stdout(sys.stderr):
                listener.function(**{name: arguments[name] for name in listener.arguments})
        except (Exception, SystemExit) as error:  # a plugin may fail in any way, and must not stop the run
            sentence = f"plugin {package} {version}: its {event} failed: {error_text(error)}"
            if is_strict():
                raise HandboneError(sentence, remedy="fix or disable it, or unset HANDBONE_STRICT_PLUGINS") from error
            _report_once(manager.notified, (event, package), sentence)


def _report_once(known: set[tuple[str, str]], failure: tuple[str, str], sentence: str) -> None:
    from handbone.core.progress import console

    if failure not in known:
        known.add(failure)
        console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)
