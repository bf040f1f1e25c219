"""A sample's key is its place in the data set, with slashes, on whatever system and however the folder was named."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path, PureWindowsPath

import pytest

from handbone.core.findings import SEVERITIES, Finding
from handbone.core.samples import Sample, relative_to


def sample(image, **more):
    return Sample(name="x.png", image=image, annotation=None, patient_id="p1", **more)


@pytest.mark.parametrize(
    ("image", "root", "key"),
    [
        ("/d/a.png", "/d", "a.png"),
        ("/d/p1/a.png", "/d", "p1/a.png"),
        ("/d/p1/a.png", "/d/p1", "a.png"),
        ("/d/p1/a.png", "/d/", "p1/a.png"),
        ("/elsewhere/a.png", "/d", "/elsewhere/a.png"),
        ("/data/a.png", "/d", "/data/a.png"),
        ("p1/a.png", "", "p1/a.png"),
        ("/d/환자/Zoe\u0308.png", "/d", "환자/Zoe\u0308.png"),
        ("/d/A.PNG", "/D", "/d/A.PNG"),
    ],
)
def test_a_key_is_the_path_below_the_folder(image, root, key):
    assert sample(Path(image)).key_in(Path(root)) == key


def test_a_key_has_slashes_where_the_system_has_none():
    assert sample(PureWindowsPath(r"C:\d\p1\a.png")).key_in(PureWindowsPath(r"C:\d")) == "p1/a.png"
    assert relative_to(PureWindowsPath(r"C:\d\p1\a.png"), PureWindowsPath(r"C:\d")) == r"p1\a.png"


def test_two_images_of_one_name_have_two_keys():
    root = Path("/d")
    assert len({sample(root / patient / "wrist.png").key_in(root) for patient in ("p1", "p2", ".")}) == 3


def test_a_sample_is_a_training_image_without_labels_of_an_unknown_side_unless_told():
    one = sample(Path("/d/a.png"))
    assert (one.side, one.split, one.shared_annotation) == (None, "train", False)
    assert one == sample(Path("/d/a.png")) != sample(Path("/d/a.png"), side="L")
    assert len({one, sample(Path("/d/a.png")), sample(Path("/d/a.png"), split="test")}) == 2
    with pytest.raises(FrozenInstanceError):
        one.side = "R"


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_finding_is_json_as_it_stands(severity):
    finding = Finding(severity, "unknown-label", "p1/환자.json", "holds the label 'thumb'", "use finger-1")
    value = json.loads(json.dumps(finding.to_json()))
    assert list(value) == ["severity", "rule", "file", "message", "remedy"]
    assert Finding(**value) == finding and SEVERITIES == ("error", "warning", "note")
