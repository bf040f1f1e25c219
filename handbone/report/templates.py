"""The HTML templates of this room, with what all of them may use; each page holds its styles and scripts itself."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any, Literal

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup

from handbone.anatomy import BONES
from handbone.report.cases import colour_of
from handbone.report.labels import full_name

_ROOM = "handbone.report"
#: What a page of results can show alone, and how it is called there.
Kind = Literal["doubtful", "no_hand", "failed", "fine"]
KINDS: dict[Kind, str] = {"doubtful": "doubtful", "no_hand": "no hand", "failed": "failed", "fine": "no doubt"}


class _Compiled(jinja2.BytecodeCache):
    """Templates that this process has compiled: a page has several, and servers and scripts write many pages."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def template(
    name: str, filters: Mapping[str, Callable[..., Any]] | None = None, *, package: str = _ROOM
) -> jinja2.Template:
    """A template by its file's name; every value that it shows is escaped.

    Parameters
    ----------
    filters: further ones by name. package: where it lies; it may use what lies in this room, too.
    """
    packages = (package, _ROOM)
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(each, ".") for each in packages]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        bytecode_cache=_COMPILED,
    )
    environment.filters |= filters or {}
    environment.globals |= {
        "inlined": partial(_inlined, packages),
        "bones": BONES,
        "colour_of": colour_of,
        "full_name": full_name,
        "labels": KINDS,
    }
    return environment.get_template(name)


def _inlined(packages: Sequence[str], name: str) -> Markup:
    """A style or script of the first package that has it, as it stands in its file."""
    places = (files(package).joinpath(name) for package in packages)
    return Markup(next(place for place in places if place.is_file()).read_text("utf-8"))
