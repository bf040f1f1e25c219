"""The page of measurements shows what was validated, and the validation runs."""

import json
import sys

import pytest
from docs_blocks import ROOT

from handbone.measure import MEASURES
from handbone.measure.precision import VALIDATION_FILE, precisions

sys.path.insert(0, str(ROOT / "docs" / "measurements"))
from tables import summary, table
from validate import validate

PAGE = ROOT / "docs" / "pages" / "measurements.md"


def test_the_page_has_the_table_of_the_validation():
    record = json.loads(VALIDATION_FILE.read_text(encoding="utf-8"))
    assert table(record) in PAGE.read_text(encoding="utf-8")
    assert record["measures"].keys() == MEASURES.keys() == precisions().keys()


@pytest.mark.slow
def test_a_hand_is_validated():
    rows = validate(1, 0, 1, size=1024)
    found = summary(rows)
    assert set(rows["variant"]) > {"", "scale 0.75", "turn +10", "gamma 0.7", "JPEG 30"}
    assert found["length"]["exact"] < 0.5 and found["carpal_height_ratio"]["exact"] < 0.01
    assert found["length"]["repeat"] < 0.5
