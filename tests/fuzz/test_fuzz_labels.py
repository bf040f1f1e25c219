"""Label files of anyone: the contest's JSON, COCO, and the table of patients."""

import cv2
import pytest
from data_toys import annotation, draw, toy_hand
from fuzzing import (
    CHANCES,
    OTHERS,
    Corpus,
    campaign,
    edit_bytes,
    edited_bytes,
    edited_json,
    json_bytes,
    refused_or_read,
)
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from handbone.anatomy import NAMES
from handbone.data.dataset import open_dataset
from handbone.data.patients import read_patients
from handbone.recipe.schema import Data

pytestmark = pytest.mark.slow

SIZE = 64
HAND = {name: points / points.max() * SIZE for name, points in toy_hand().items()}
CONTEST = Corpus([annotation(list(HAND.items()), filename="a.jpg")])
CONTEST_TEXTS = Corpus.of("contest", map(json_bytes, CONTEST))


def coco(kind):
    """A file of one image, with polygons or run lengths."""
    entries = []
    for number, points in enumerate(HAND.values()):
        segmentation = [[round(v, 1) for v in points.ravel().tolist()]]
        if kind != "polygons":
            segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, SIZE, SIZE))
            segmentation = {"size": [SIZE, SIZE], "counts": segmentation["counts"].decode()}
        if kind == "runs":
            segmentation["counts"] = [10, 5, SIZE * SIZE - 15]
        entries.append({"id": number, "image_id": 1, "category_id": number, "segmentation": segmentation})
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": SIZE, "height": SIZE, "patient_id": 7}],
        "annotations": entries,
        "categories": [{"id": number, "name": name} for number, name in enumerate(NAMES)],
    }


COCO = Corpus(coco(kind) for kind in ("polygons", "compressed", "runs"))
COCO_TEXTS = Corpus.of("coco", map(json_bytes, COCO))


def labels_of(root, path):
    """All that a data set reads of a folder, in which one file was changed."""
    dataset = open_dataset(Data(path=str(root)))
    for sample in dataset.labelled():
        with refused_or_read(path):
            labels = dataset.read_labels(sample)
            assert labels.masks().size_hw == labels.size_hw == (SIZE, SIZE)


@pytest.fixture(scope="module")
def contest_set(tmp_path_factory):
    root = tmp_path_factory.mktemp("contest")
    for folder in ("DCM", "outputs_json"):
        (root / "train" / folder / "ID001").mkdir(parents=True)
    cv2.imwrite(str(root / "train/DCM/ID001/a.png"), draw(HAND, SIZE))
    return root


@campaign("contest")
@given(data=st.one_of(edited_json(CONTEST).map(json_bytes), edited_bytes(CONTEST_TEXTS)))
def test_the_contest_s_json(contest_set, data):
    path = contest_set / "train/outputs_json/ID001/a.json"
    path.write_bytes(data)
    with refused_or_read(path):
        labels_of(contest_set, path)


@pytest.fixture(scope="module")
def coco_set(tmp_path_factory):
    root = tmp_path_factory.mktemp("coco")
    cv2.imwrite(str(root / "a.png"), draw(HAND, SIZE))
    return root


@campaign("coco")
@given(data=st.one_of(edited_json(COCO).map(json_bytes), edited_bytes(COCO_TEXTS)))
def test_coco(coco_set, data):
    path = coco_set / "labels.json"
    path.write_bytes(data)
    with refused_or_read(path):
        labels_of(coco_set, path)


@pytest.fixture(scope="module")
def workbook(tmp_path_factory):
    import openpyxl

    path = tmp_path_factory.mktemp("patients") / "meta_data.xlsx"
    book = openpyxl.Workbook()
    for row in (["ID", "나이", "sex"], [1, 30, "남"], ["ID002", None, "여"]):
        book.active.append(row)
    book.save(path)
    return path, path.read_bytes()


@campaign("workbook", share=OTHERS)
@given(rng=CHANCES)
def test_the_table_of_patients(workbook, rng):
    path, good = workbook
    path.write_bytes(edit_bytes(rng, [good]))
    with refused_or_read(path):
        read_patients(path)
