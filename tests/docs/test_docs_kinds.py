"""Every test that the page of unusual input names is one that runs."""

import re

from docs_blocks import ROOT


def test_every_kind_is_held_by_tests_that_exist():
    rows = re.findall(
        r"^\| (?!kind|---)(.+) \|$", (ROOT / "docs/pages/kinds.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    files = [*(ROOT / "tests").rglob("test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")]
    written = {
        name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.M)
    }
    held = {row: set(re.findall(r"`(test_\w+)`", row)) for row in rows}
    assert len(held) > 35 and all(held.values())
    assert {row: names - written for row, names in held.items() if names - written} == {}
