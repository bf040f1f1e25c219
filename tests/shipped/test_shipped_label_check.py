"""`handbone data check --labels` with the shipped weights on synthetic hands, some of whose labels are made wrong."""

import json

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from handbone.anatomy import INDEX, NAMES
from handbone.cli import data
from handbone.synthetic.write import write_contest_set

pytestmark = pytest.mark.slow

app = typer.Typer()
app.add_typer(data.app, name="data")


def swapped(annotations):
    """Scaphoid and Lunate exchanged."""
    other = {"Scaphoid": "Lunate", "Lunate": "Scaphoid"}
    return [each | {"label": other.get(each["label"], each["label"])} for each in annotations]


def shifted(annotations):
    """The middle finger's proximal phalanx half its length too far up."""
    bone = NAMES[INDEX["finger-10"]]
    reach = np.ptp([y for each in annotations if each["label"] == bone for _, y in each["points"]])
    return [
        each | {"points": [[x, y - 0.5 * reach] for x, y in each["points"]]} if each["label"] == bone else each
        for each in annotations
    ]


def missing(annotations):
    """No Triquetrum."""
    return [each for each in annotations if each["label"] != "Triquetrum"]


def doubled(annotations):
    """The Hamate's outline once more, as Trapezoid."""
    again = [each | {"label": "Trapezoid"} for each in annotations if each["label"] == "Hamate"]
    return [each for each in annotations if each["label"] != "Trapezoid"] + again


MISHAPS = {
    swapped: {"Scaphoid", "Lunate"},
    shifted: {"finger-10"},
    missing: {"Triquetrum"},
    doubled: {"Hamate", "Trapezoid"},
}


@pytest.fixture(scope="module")
def perturbed(tmp_path_factory):
    """Eight hands; the first four with one mishap each."""
    folder = write_contest_set(
        tmp_path_factory.mktemp("labels") / "set", train=8, test=1, size=768, seed=31, progress=False, workers=1
    )
    files = sorted((folder / "train" / "outputs_json").rglob("*.json"))
    for mishap, file in zip(MISHAPS, files, strict=False):
        content = json.loads(file.read_text(encoding="utf-8"))
        content["annotations"] = mishap(content["annotations"])
        file.write_text(json.dumps(content), encoding="utf-8")
    return folder, {file.stem: bones for file, bones in zip(files, MISHAPS.values(), strict=False)}


def test_every_mishap_is_found_and_no_right_label_accused(perturbed, tmp_path):
    folder, wrong = perturbed
    out = tmp_path / "page"
    result = CliRunner().invoke(app, ["data", "check", str(folder), "--labels", "-o", str(out), "--json"])
    assert result.exit_code == 0, result.output
    checks = json.loads(result.stdout)["labels"]
    doubted = {c["image"].split(".")[0]: c["errors"] for c in checks if c["errors"]}
    assert set(doubted) == set(wrong)
    for name, bones in wrong.items():
        assert bones <= {bone for error in doubted[name] for bone in error["bones"]}
    assert (out / "labels.html").is_file() and "medical" in (out / "labels.html").read_text(encoding="utf-8")
    images = [cv2.imread(str(path)) for path in out.rglob("*.png")]
    assert len(images) == len(wrong) and all(p is not None for p in images)
