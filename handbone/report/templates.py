"""The HTML templates of this room, with what all of them may use; each page holds its styles and scripts itself."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from handbone.anatomy import BONES
from handbone.report.cases import colour_of
from handbone.report.labels import full_name


def template(name: str, filters: Mapping[str, Callable[..., Any]] | None = None) -> jinja2.Template:
    """A template by its file's name; every value that it shows is escaped.

    Parameters
    ----------
    filters: further ones by name.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("handbone.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= filters or {}
    environment.globals |= {
        "inlined": _inlined,
        "bones": BONES,
        "colour_of": colour_of,
        "full_name": full_name,
    }
    return environment.get_template(name)


def _inlined(name: str) -> Markup:
    """A style or script of this room, as it stands in its file."""
    return Markup(files("handbone.report").joinpath(name).read_text("utf-8"))
