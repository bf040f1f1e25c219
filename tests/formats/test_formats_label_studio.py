"""Label Studio's exports as people make them: what is read, and what is said of the rest."""

import json

import numpy as np
import pytest
from annotation_toys import HARD, TALL, WIDE, blob, read, write, write_radiograph

from handbone.anatomy import INDEX
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.formats.label_studio_brush import decode_brush, encode_brush
from handbone.recipe.schema import Data


def test_a_brush_s_long_runs_are_split():
    mask = np.zeros((300, 200), bool)
    mask[100:, :] = True
    assert np.array_equal(decode_brush(encode_brush(mask), mask.shape), mask)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "no run"),
        ([300], "not bytes"),
        ("abc", "not bytes"),
        (encode_brush(np.ones((4, 4), bool))[:8], "too early"),
    ],
)
def test_damaged_brushes_are_refused(data, words):
    with pytest.raises(HandboneError, match=words):
        decode_brush(data, (4, 4))
    with pytest.raises(HandboneError, match="has 64 values, not 100"):
        decode_brush(encode_brush(np.ones((4, 4), bool)), (5, 5))


def brush(label, mask, **more):
    value = {"format": "rle", "rle": encode_brush(mask), "brushlabels": [label]}
    size = {"original_height": mask.shape[0], "original_width": mask.shape[1], "image_rotation": 0}
    return {"type": "brushlabels", "from_name": "x", "to_name": "y", "value": value} | size | more


def test_label_studio_s_corrected_annotation_counts_and_uploads_are_found(tmp_path):
    write_radiograph(tmp_path / "손.png", TALL)
    mask, other = blob(TALL, (1, (3, 4, 9, 12))), blob(TALL, (1, (20, 20, 30, 30)))
    points = [[0, 0], [50, 0], [50, 100], [0, 100]]
    outline = brush("Ulna", mask, type="polygonlabels", value={"points": points, "polygonlabels": ["Ulna"]})
    task = {
        "data": {"image": "/data/upload/1/0a1b2c3d-%EC%86%90.png"},
        "annotations": [
            {"result": [brush("Lunate", other)], "updated_at": "2026-01-01", "was_cancelled": True},
            {"result": [brush("Lunate", mask), outline], "updated_at": "2026-02-02"},
            {"result": [brush("Lunate", other)], "updated_at": "2026-01-03"},
        ],
        "predictions": [{"result": [brush("Radius", mask)]}],
    }
    (tmp_path / "export.json").write_text(json.dumps([task]), encoding="utf-8")
    dataset, found = read(tmp_path)
    assert list(found) == ["손.png"]
    masks = found["손.png"]
    assert np.array_equal(masks.mask(INDEX["Lunate"]), mask) and not masks.present()[INDEX["Radius"]]
    assert masks.areas()[INDEX["Ulna"]] == TALL[0] * round(TALL[1] / 2)
    assert "several-annotations" in {p.rule for p in dataset.labels(dataset.samples[0]).problems}


def test_an_export_beside_the_tasks_that_were_imported_counts(tmp_path):
    write(tmp_path, "label_studio", write_radiograph(tmp_path / "in" / "a.png", TALL), HARD)
    (tmp_path / "in" / "a.png").unlink()
    [task] = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    mask = blob(TALL, (1, (3, 4, 9, 12)))
    task["annotations"] = [{"result": [brush("Lunate", mask)]}]
    (tmp_path / "z export.json").write_text(json.dumps([task]), encoding="utf-8")
    [found] = read(tmp_path)[1].values()
    assert np.flatnonzero(found.present()).tolist() == [INDEX["Lunate"]]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (brush("Lunate", np.ones(TALL, bool), image_rotation=90), "turned image"),
        (brush("Lunate", np.ones(TALL, bool)) | {"value": {"rle": [1], "brushlabels": ["Lunate"]}}, "no run lengths"),
        (brush("Lunate", np.ones(TALL, bool)) | {"value": {"brushlabels": ["Lunate", "Ulna"]}}, "exactly one label"),
        (brush("Lunate", np.ones(WIDE, bool)), "has another shape"),
    ],
)
def test_what_cannot_be_read_of_label_studio_is_said(tmp_path, result, words):
    write_radiograph(tmp_path / "a.png", TALL)
    task = {"data": {"image": "a.png"}, "annotations": [{"result": [result]}]}
    (tmp_path / "export.json").write_text(json.dumps([task]), encoding="utf-8")
    dataset = open_dataset(Data(path=str(tmp_path)))
    errors = [p.message for p in dataset.read_labels(dataset.samples[0]).problems if p.severity == "error"]
    assert len(errors) == 1 and words in errors[0]
