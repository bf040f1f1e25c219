"""The reference of docs/pages/python-api.md, from signatures and docstrings; run as a script it writes the page."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import handbone
from handbone.measure import Measurement, Measurements
from handbone.synthetic import SyntheticHand

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "python-api.md"
START, END = "<!-- reference: python tests/helpers/api_reference.py writes it -->\n", "<!-- end of the reference -->"
#: What is described, in this order: functions, and classes with their public methods and properties.
SHOWN = (
    handbone.load,
    handbone.Segmenter,
    handbone.Prediction,
    handbone.write,
    handbone.read_radiograph,
    handbone.draw_hand,
    handbone.run,
    handbone.evaluate,
    handbone.FailedImage,
    handbone.Radiograph,
    SyntheticHand,
    Measurements,
    Measurement,
)


def reference() -> str:
    """Markdown with a section a name."""
    return "\n".join(line for shown in SHOWN for line in _section(shown))


def _section(shown: type) -> Iterator[str]:
    source = ast.parse(textwrap.dedent(inspect.getsource(shown))).body[0]
    yield f"### {shown.__name__}\n"
    if isinstance(source, ast.FunctionDef):
        yield f"```python\n{_signature(source)}\n```\n"
    yield from _text(inspect.getdoc(shown))
    if isinstance(source, ast.ClassDef):
        members = [node for node in source.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
        for member in members:
            yield f"#### {shown.__name__}.{member.name}\n"
            if not any(ast.unparse(each) == "property" for each in member.decorator_list):
                yield f"```python\n{_signature(member)}\n```\n"
            yield from _text(ast.get_docstring(member))


def _signature(function: ast.FunctionDef) -> str:
    arguments = ast.unparse(function.args).removeprefix("self, ").removeprefix("self")
    arguments = re.sub(r"(?<=[\w\]])=(?=\S)", " = ", arguments).replace("'", '"')
    returns = ast.unparse(function.returns).strip("'\"")
    line = f"def {function.name}({arguments}) -> {returns}: ..."
    if len(line) <= 100:
        return line
    parts = re.split(r", (?=(?:\*|\w+: ))", arguments)
    return f"def {function.name}(\n    " + ",\n    ".join(parts) + f",\n) -> {returns}: ..."


def _text(docstring: str) -> Iterator[str]:
    """A docstring as Markdown: its sections become lists, one entry a parameter."""
    head, *sections = re.split(r"\n*^(Parameters|Returns|Raises)\n-+\n", docstring, flags=re.MULTILINE)
    yield f"{head.strip()}\n"
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        entries = re.sub(r"\n +", " ", body.strip()).split("\n")
        yield f"{title}:\n"
        yield from (re.sub(r"^(\w+(?:, \w+)*): ", _as_code, f"{entry}").join(("- ", "")) for entry in entries if entry)
        yield ""


def _as_code(match: re.Match[str]) -> str:
    return ", ".join(f"`{name}`" for name in match[1].split(", ")) + ": "


def page_with(text: str) -> str:
    """The page with the reference as it is now."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{reference()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
