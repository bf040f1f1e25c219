"""The list of mutations still fits the code: a line that was changed has to be broken in its new form."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "mutation"))

from mutations import MUTATIONS  # noqa: E402


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_a_mutation_breaks_one_line_that_there_is_and_names_a_test_that_there_is(mutation):
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.before) == 1 and mutation.before != mutation.after
    file, _, name = mutation.test.partition("::")
    tests = (ROOT / file).read_text(encoding="utf-8") if (ROOT / file).is_file() else ""
    assert tests and (not name or re.search(rf"^def {re.escape(name.partition('[')[0])}\(", tests, re.MULTILINE))


def test_descriptions_are_unique():
    assert len({mutation.what for mutation in MUTATIONS}) == len(MUTATIONS)
