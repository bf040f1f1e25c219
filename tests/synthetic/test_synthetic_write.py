"""Synthetic sets on disk: the contest layout, the same bytes for the same seed, and masks that come back exactly."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.data.pose import BENT_DEGREES, bend_degrees
from handbone.recipe.schema import Data
from handbone.synthetic.hand import draw_hand
from handbone.synthetic.patients import draw_patient
from handbone.synthetic.write import annotation, write_contest_set

SIZE = 160


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def synthetic_set(tmp_path_factory) -> Path:
    return write_contest_set(
        tmp_path_factory.mktemp("set") / "data", train=5, test=2, size=SIZE, seed=4, progress=False, workers=1
    )


def test_layout(synthetic_set):
    images = sorted(synthetic_set.glob("*/DCM/ID*/image*.png"))
    labels = sorted(synthetic_set.glob("*/outputs_json/ID*/image*.json"))
    assert len(images) == len(labels) == 7
    assert len({path.name for path in images}) == 7
    for image in images:
        split, _, patient, _ = image.relative_to(synthetic_set).parts
        assert (synthetic_set / split / "outputs_json" / patient / f"{image.stem}.json").is_file()


def test_held_out_looks_change_images_and_no_labels(synthetic_set, tmp_path):
    other = write_contest_set(
        tmp_path / "data", train=2, test=0, size=SIZE, seed=4, looks="held_out", progress=False, workers=1
    )
    usual, held_out = _digests(synthetic_set), _digests(other)
    assert len(held_out) == 4
    for name, digest in held_out.items():
        assert (digest == usual[name]) == name.endswith(".json")


def test_both_hands_of_a_patient_share_a_folder(synthetic_set):
    first = sorted(path.stem[-2:] for path in (synthetic_set / "train/DCM/ID001").iterdir())
    assert first == ["_L", "_R"]
    train = {path.name for path in (synthetic_set / "train/DCM").iterdir()}
    test = {path.name for path in (synthetic_set / "test/DCM").iterdir()}
    assert not train & test


def test_annotations_carry_all_bones_within_the_image(synthetic_set):
    for path in synthetic_set.glob("*/outputs_json/*/*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert {a["label"] for a in content["annotations"]} == set(anatomy.NAMES)
        assert all(a["type"] == "poly_seg" and a["attributes"] == {} for a in content["annotations"])
        points = np.vstack([a["points"] for a in content["annotations"]])
        assert points.min() >= 0
        assert points.max() < SIZE
        assert content["metadata"] == {"height": SIZE, "width": SIZE}


def test_polygons_give_the_masks_back():
    hand = draw_hand(6, size=SIZE)
    polygons: dict[int, list] = {}
    for entry in annotation(hand, "image1_R.png", "ID001")["annotations"]:
        polygons.setdefault(anatomy.INDEX[entry["label"]], []).append(np.array(entry["points"]))
    assert BoneMasks.from_polygons(polygons, hand.masks.size_hw) == hand.masks


def test_images_can_be_read_and_show_something(synthetic_set):
    for path in synthetic_set.glob("*/DCM/*/*.png"):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image.shape == (SIZE, SIZE)
        assert image.std() > 10


@pytest.mark.slow
def test_same_seed_same_bytes_whatever_the_workers(synthetic_set, tmp_path):
    again = write_contest_set(tmp_path / "again", train=5, test=2, size=SIZE, seed=4, progress=False, workers=2)
    assert _digests(again) == _digests(synthetic_set)
    other = write_contest_set(tmp_path / "other", train=1, test=0, size=SIZE, seed=5, progress=False, workers=1)
    name = "train/DCM/ID001/image1661130828152_R.png"
    assert _digests(other)[name] != _digests(synthetic_set)[name]


def test_a_folder_with_content_is_refused_and_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(HandboneError, match="already exists"):
        write_contest_set(tmp_path, train=1, test=0, size=SIZE, progress=False)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_bent_hands_come_in_the_contests_shares():
    from handbone.synthetic.write import _tasks

    tasks = _tasks(Path("x"), {"train": 200, "test": 100}, SIZE, 0, "upright_adult")
    train = [task.bent for task in tasks if task.split == "train"]
    test = [task.bent for task in tasks if task.split == "test"]
    assert np.mean(train) == pytest.approx(0.12, abs=0.01)
    assert np.mean(test) == pytest.approx(0.58, abs=0.01)


def test_test_patients_can_be_bent_more_seldom_and_differ_more(tmp_path):
    def written(name, **more):
        folder = write_contest_set(
            tmp_path / name, train=2, test=8, size=SIZE, seed=4, progress=False, workers=1, **more
        )
        dataset = open_dataset(Data(path=str(folder)))
        return {split: [dataset.labels(sample) for sample in dataset.subset(split)] for split in ("train", "test")}

    usual, other = written("usual"), written("other", test_bent=0.25, test_spread=1.6)

    def bent(labels):
        return sum(bend_degrees(each.centroids_xy()) >= BENT_DEGREES for each in labels)

    assert (bent(usual["test"]), bent(other["test"])) == (4, 2)
    assert all(
        (a.centroids_xy() == b.centroids_xy()).all() for a, b in zip(usual["train"], other["train"], strict=True)
    )
    patients = [
        draw_patient(np.random.default_rng([4, n]), "upright_adult", spread=s).shape for s in (1, 1.6) for n in range(9)
    ]
    widths = np.log([patient.scale[list(anatomy.CARPALS), 0] for patient in patients]).reshape(2, 9, -1)
    assert widths[1].std(0) == pytest.approx(1.6 * widths[0].std(0))
