"""The table of docs/pages/steps.md, straight from the declarations; run as a script it writes the page anew."""

from pathlib import Path

from handbone.runs.fingerprints import CHOICE_KINDS, WEIGHT_KEYS
from handbone.runs.step import DATA_KEYS
from handbone.runs.steps.order import STEPS

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "steps.md"
START, END = "<!-- table: python tests/helpers/steps_table.py writes it -->\n", "<!-- end of the table -->"


def table() -> str:
    """Markdown with a row for each step, and one for the radiographs."""
    rows = [("Step", "Recipe keys", "Seen, not counted", "Files and plugins", "Earlier steps"), ("---",) * 5]
    for step in STEPS:
        files = [key for key in step.counted if key in WEIGHT_KEYS or key.rpartition(".")[2] in CHOICE_KINDS]
        data = ["radiographs, labels"] if "data" in step.inputs else []
        rows.append(
            (
                f"`{step.name}`: {step.summary[0].lower()}{step.summary[1:]}",
                _listed(step.reads) if len(step.reads) < 15 else "all of them, which the page shows",
                _listed(step.ignores),
                "; ".join([*data, *(_listed([key]) for key in files if len(step.reads) < 15)]),
                _listed(name for name in step.inputs if name != "data"),
            )
        )
    seen = _listed(["data.path", "data.cache"])
    rows.append(("radiographs, labels", _listed(DATA_KEYS), seen, "every one; plugins that read them", "`synthetic`"))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _listed(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


def page_with(text: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
