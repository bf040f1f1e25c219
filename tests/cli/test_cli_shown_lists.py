"""What people read at the end of `data`, `export` and `ensemble`: findings, changes, and what was left out."""

from types import SimpleNamespace

import pandas as pd
import pytest

from handbone.cli import data, data_labels, ensemble, export
from handbone.core.findings import Finding
from handbone.workflows.check_labels import LabelCheck
from handbone.workflows.label_diff import LabelDiff

NAME = "[b]a\x1b[31m.png"
SHOWN = r"[b]a\x1b[31m.png"


def finding(n, remedy="export it again", severity="error", rule="broken-file"):
    return Finding(severity, rule, f"{n}.png", "is cut", remedy)


def test_findings_of_a_rule_stand_together_with_their_remedy_once(lines):
    findings = [finding(n) for n in range(7)]
    findings[2] = finding(2, "leave [it] out")
    findings.insert(3, finding(9, severity="note", rule="other"))
    told = lines(data, "_show_findings", findings)
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told if line.count("│") == 5]
    assert cells == [
        ["error broken-file", "0.png", "is cut", "export it again"],
        ["", "1.png", "is cut", ""],
        ["", "2.png", "is cut", "leave [it] out"],
        ["", "3.png", "is cut", "export it again"],
        ["", "4.png", "is cut", ""],
        ["", "and 2 more (all with --json)", "", ""],
        ["note other", "9.png", "is cut", "export it again"],
    ]
    assert lines(data, "_show_findings", []) == []


def test_doubtful_labels_are_counted_with_those_that_could_not_be_judged(lines, tmp_path):
    error = SimpleNamespace(bones=(3,), severity=1.0)
    unjudged = SimpleNamespace(bones=(), severity=1.0)
    checks = [LabelCheck(None, f"{n}", errors) for n, errors in enumerate([(error,), (unjudged,), (), (error, error)])]
    told = lines(data, "_say_labels", checks, f"w {NAME}", tmp_path / "[page].html")
    assert told == [
        "labels of 2 of 4 images are doubtful; 1 could not be checked, "
        f"according to the weights 'w {SHOWN}', which can be wrong",
        f"Page, table and images: {tmp_path / '[page].html'}",
    ]
    assert len(lines(data, "_say_labels", checks, "w", None)) == 1


def test_odd_areas_of_a_bone_are_marked_and_no_bones_are_no_table(lines):
    row = {"bone": "Lunate", "title": "lunate", "hands": 12, "area": 1234.4, "area_q25": 999.6, "area_q75": 2000.0}
    told = lines(data, "_show_bones", pd.DataFrame([row | {"outliers": 0}, row | {"outliers": 3}]))
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told if "Lunate" in line]
    assert cells == [["Lunate", "lunate", "12", "1,234", "1,000 to 2,000", odd] for odd in ("", "3")]
    assert lines(data, "_show_bones", pd.DataFrame()) == []


@pytest.mark.parametrize("count", [10, 11])
def test_a_comparison_of_labels_lists_ten_of_each(lines, tmp_path, monkeypatch, count):
    names = tuple(f"{n}{NAME}" for n in range(count))
    failed = {name: f"{name}: has another size" for name in names}
    monkeypatch.setattr("handbone.workflows.label_diff.by_bone", lambda changes: [])
    changes = tuple(SimpleNamespace(image=name, bone="Lunate", bone_before="Ulna") for name in names)
    found = LabelDiff(changes, names, names, (), failed)
    monkeypatch.setattr(LabelDiff, "to_json", lambda self: {"changed_images": list(names)})
    told = lines(data_labels, "_show", found, tmp_path / "[c].csv")
    assert sum(line.endswith("Lunate has the mask that Ulna had") for line in told) == 10
    assert sum(line.startswith(f"not compared {0}{SHOWN}") for line in told) == 1
    assert sum(line.startswith("not compared") for line in told) == 10
    (only,) = [line for line in told if "only in" in line]
    assert only.startswith(f"{count} only in OLD: 0{SHOWN}, ") and only.endswith(", ...") is (count > 10)
    assert told[-2:] == [
        f"{count} bones changed in {count} of {count} radiographs",
        f"Table: {tmp_path / '[c].csv'}",
    ]


@pytest.mark.parametrize("name", ["labelme", "png"])
def test_an_export_names_what_it_left_out_and_what_comes_next(lines, tmp_path, name):
    failed = {f"{n}": f"{n}{NAME}: no" for n in range(12)}
    told_of = {"failed": failed, "masks": 29, "images": 1, "format": name}
    told = lines(export, "_show", told_of, tmp_path / "a b.csv", tmp_path / "o", "doubt")
    assert told[:10] == [f"left out {n}{SHOWN}: no" for n in range(10)]
    assert told[10] == f"29 masks of 1 radiographs written as {name}: {tmp_path / 'o'}"
    assert told[11].startswith("Most doubtful first, with reasons: ")
    assert told[12:] == [f"After corrections: handbone data diff '{tmp_path}/a b.csv' {tmp_path}/o"] * (name != "png")


def test_an_ensemble_says_which_thresholds_moved(lines, tmp_path):
    told_of = {
        **{"members": {NAME: 3}, "thresholds_fitted_on": 7, "thresholds": {"Lunate": 0.45, "Ulna": 0.5}},
        **{"failed": {"a": f"{NAME}: no"}, "masks": 5, "images": 3, "method": "[mean]"},
    }
    told = lines(ensemble, "_show", told_of, tmp_path)
    assert any(line.split() == ["│", SHOWN, "│", "3", "│"] for line in told)
    assert told[-3:] == [
        "thresholds from 7 images: Lunate 0.45",
        f"left out {SHOWN}: no",
        f"5 masks of 3 radiographs joined by [mean]: {tmp_path}",
    ]
