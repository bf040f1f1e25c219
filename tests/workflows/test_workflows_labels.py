"""Corrected labels: what people changed, and their masks over predicted ones."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from json_docs import undocumented
from typer.testing import CliRunner

from handbone.anatomy import COUNT, INDEX
from handbone.cli import app as all_commands
from handbone.cli.data import app
from handbone.core.bone_masks import BoneMasks
from handbone.core.files import write_json
from handbone.data.dataset import open_dataset
from handbone.formats.contest_csv import PredictionsWriter
from handbone.recipe.schema import Data
from handbone.workflows.export import export_masks, export_results
from handbone.workflows.label_diff import changes_of
from handbone.workflows.masks.table import TableMasks
from handbone.workflows.matched_names import matched
from handbone.workflows.writers import writer_factory

SIZE = (120, 90)
NAMES = ["p1/a.png", "p2/a.png", "손.tif"]


def ellipses(shift=0):
    polygons = {
        bone: [cv2.ellipse2Poly((8 + 15 * (bone % 6) + shift, 12 + 24 * (bone // 6)), (6, 9), 20, 0, 360, 9)]
        for bone in range(COUNT)
    }
    return BoneMasks.from_polygons(polygons, SIZE)


@pytest.fixture
def predictions(tmp_path):
    """A folder as `handbone predict` leaves it, with three radiographs of which the second is doubtful."""
    folder = tmp_path / "predictions"
    folder.mkdir()
    images = []
    for number, name in enumerate(NAMES):
        path = tmp_path / "hands" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(number).integers(0, 60000, SIZE).astype(np.uint16 if number else np.uint8)
        path.write_bytes(cv2.imencode(path.suffix, values)[1].tobytes())
        flags = [{"rule": "unsure", "bones": ["Lunate"], "message": "=doubtful"}] if number == 1 else []
        confidence = {"Lunate": 0.3 if number == 1 else 0.9 + 0.01 * number}
        images.append(
            {"name": name, "path": str(path), "size_hw": list(SIZE), "confidence": confidence, "flags": flags}
        )
    with PredictionsWriter(folder / "predictions.csv") as table:
        for name in NAMES:
            table.write(name, ellipses())
    write_json(folder / "predictions.json", {"weights": "zero_shot", "images": images})
    return folder


def export(source, format, out, **more):
    make = writer_factory(format, {}, where="--format")
    return export_masks(TableMasks(source), make, export_results(out), facts={"format": format}, **more)


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def told(*words):
    result = call(*words, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    value = json.loads(result.stdout)
    assert not undocumented(value)
    return value


def edit(path, change):
    """Change a labelme file as labelme would save it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["shapes"] = [shape for shape in content["shapes"] if change(shape) is not False]
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


@pytest.mark.parametrize("format", ["labelme", "cvat", "label_studio", "coco"])
@pytest.mark.parametrize("order", ["name", "doubt"])
def test_what_nobody_changed_has_no_difference(predictions, tmp_path, format, order):
    export(predictions, format, tmp_path / "out", order=order)
    if format == "coco":  # has no copies of the radiographs
        for name in NAMES:
            (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "out" / name).write_bytes((tmp_path / "hands" / name).read_bytes())
    found = told("diff", predictions, tmp_path / "out")
    assert found["images"] == sorted(NAMES) and not found["changes"]
    assert not found["failed"] and not found["only_old"] and not found["only_new"]


@pytest.mark.parametrize("format", ["coco", "png"])
def test_masks_are_compared_without_their_radiographs_too(predictions, tmp_path, format):
    """Holes count: without radiographs a file of masks is read to the pixel."""
    whole = ellipses().mask(INDEX["Lunate"]).copy()
    ys, xs = np.nonzero(whole)
    whole[int(ys.mean()), int(xs.mean())] = False
    with PredictionsWriter(predictions / "predictions.csv") as table:
        for name in NAMES:
            table.write(name, ellipses().replace({INDEX["Lunate"]: whole}))
    export(predictions, format, tmp_path / "out")
    found = told("diff", predictions, tmp_path / "out")
    assert found["images"] == sorted(NAMES) and not found["changes"] and not found["failed"]


def test_doubtful_radiographs_come_first(predictions, tmp_path):
    export(predictions, "labelme", tmp_path / "out", order="doubt")
    files = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert files == ["q0001-p2/a.png", "q0002-p1/a.png", "q0003-손.png"]
    order = pd.read_csv(tmp_path / "out" / "order.csv")
    assert order["image"].tolist() == ["p2/a.png", "p1/a.png", "손.tif"]
    assert order["doubt"].tolist() == [1.7, 0.1, 0.08] and order["flags"][0] == "Lunate: =doubtful"


def test_each_step_names_the_next_command(predictions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(
        all_commands, ["export", "predictions", "-f", "labelme", "--order", "doubt", "-o", "my out"]
    )
    lines = made.stdout.splitlines()
    assert lines[-2:] == [
        "Most doubtful first, with reasons: my out/order.csv",
        "After corrections: handbone data diff predictions 'my out'",
    ]
    masks_alone = CliRunner().invoke(all_commands, ["export", "predictions", "-f", "png", "-o", "png"])
    assert masks_alone.stdout == "87 masks of 3 radiographs written as png: png\n"
    compared = CliRunner().invoke(all_commands, shlex.split(lines[-1].partition("handbone ")[2]))
    assert compared.exit_code == 0 and "0 bones changed in 0 of 3 radiographs" in compared.stdout
    merged = call("merge", "my out", "--over", "predictions", "-o", "merged")
    assert merged.stdout.splitlines()[-1] == "To train on them: handbone run correct --set data.path=merged"


def test_an_order_needs_confidences(predictions):
    from handbone.core.errors import HandboneError

    table = predictions / "predictions.csv"
    (predictions / "predictions.json").unlink()
    with pytest.raises(HandboneError, match="leave out --order"):
        export(table, "coco", predictions.with_name("out"), order="doubt")


def test_changes_are_told_bone_by_bone():
    old, other = ellipses(), ellipses(shift=5)
    lunate, ulna, radius = (INDEX[name] for name in ("Lunate", "Ulna", "Radius"))
    capitate, hamate = INDEX["Capitate"], INDEX["Hamate"]
    old = old.replace({ulna: np.zeros(SIZE, bool)})
    grown = old.mask(lunate).copy()
    grown[:, :5] = True
    masks = {
        lunate: grown,
        ulna: other.mask(3),
        radius: np.zeros(SIZE, bool),
        capitate: old.mask(hamate),
        hamate: old.mask(capitate),
    }
    found = {change.bone: change for change in changes_of("a.png", old, old.replace(masks))}
    assert {bone: change.change for bone, change in found.items()} == {
        "Lunate": "changed",
        "Ulna": "drawn",
        "Radius": "removed",
        "Capitate": "renamed",
        "Hamate": "renamed",
    }
    assert found["Capitate"].bone_before == "Hamate" and found["Hamate"].bone_before == "Capitate"
    change, area = found["Lunate"], int(old.areas()[lunate])
    added = int((grown & ~old.mask(lunate)).sum())
    assert (change.before, change.after, change.added, change.removed) == (area, area + added, added, 0)
    assert change.dice == pytest.approx(2 * area / (2 * area + added), abs=1e-4)
    assert replace(found["Radius"], before=0) == replace(
        found["Radius"], before=0, after=0, added=0, dice=0.0, bone_before=None
    )


@pytest.fixture
def corrected(predictions, tmp_path):
    """Two of three files corrected: a bone's vertex moved, two names exchanged, one bone removed."""
    out = tmp_path / "labelme"
    export(predictions, "labelme", out)
    swap = {"Capitate": "Hamate", "Hamate": "Capitate"}

    def move(shape):
        if shape["label"] == "Lunate":
            shape["points"][0][0] += 9
        shape["label"] = swap.get(shape["label"], shape["label"])

    edit(out / "p1" / "a.json", move)
    edit(out / "손.json", lambda shape: shape["label"] != "Ulna")
    return out


def test_a_diff_is_a_table_a_json_and_a_csv(predictions, corrected, tmp_path):
    out = tmp_path / "changes.csv"
    result = call("diff", predictions, corrected, "-o", out)
    assert result.exit_code == 0 and "4 bones changed in 2 of 3 radiographs" in result.output
    assert "p1/a.png: Capitate has the mask that Hamate had" in result.output
    table = pd.read_csv(out)
    assert list(zip(table["image"], table["bone"], table["change"], strict=True)) == [
        ("p1/a.png", "Capitate", "renamed"),
        ("p1/a.png", "Hamate", "renamed"),
        ("p1/a.png", "Lunate", "changed"),
        ("손.tif", "Ulna", "removed"),
    ]
    assert told("diff", predictions, corrected)["changes"][2]["dice"] < 1
    assert "the file exists" in str(call("diff", predictions, corrected, "-o", out).exception)


def test_corrected_labels_lie_over_predicted_ones(predictions, corrected, tmp_path):
    (corrected / "p2" / "a.json").unlink()  # one was not corrected
    (corrected / "p2" / "a.png").unlink()
    record = told("merge", corrected, "--over", predictions, "-o", tmp_path / "merged")
    assert record["corrected"] == ["p1/a.png", "손.tif"] and record["predicted"] == ["p2/a.png"]
    dataset = open_dataset(Data(path=str(tmp_path / "merged")))
    assert dataset.layout == "coco" and {p.rule for p in dataset.problems} == {"repeated-name"}
    assert len(dataset.labelled()) == 3
    # Radiographs keep their depth.
    for name in NAMES:
        assert (tmp_path / "merged" / "images" / name).read_bytes() == (tmp_path / "hands" / name).read_bytes()
    assert not told("diff", corrected, tmp_path / "merged")["changes"]
    changed = told("diff", predictions, tmp_path / "merged")
    assert changed["changed_images"] == ["p1/a.png", "손.tif"]
    patients = {sample.patient_id for sample in dataset.samples}
    assert len(patients) == 3


def test_an_image_without_bones_is_left_out_of_a_merge(predictions, corrected, tmp_path):
    edit(corrected / "손.json", lambda shape: False)
    record = told("merge", corrected, "--over", predictions, "-o", tmp_path / "merged")
    assert record["without_bones"] == ["손.tif"] and record["corrected"] == ["p1/a.png", "p2/a.png"]
    assert not (tmp_path / "merged" / "images" / "손.tif").exists()


def test_a_merge_overwrites_nothing_unasked(predictions, corrected, tmp_path):
    words = ("merge", corrected, "--over", predictions, "-o", tmp_path / "merged")
    told(*words)
    assert "the folder already contains merged labels" in str(call(*words).exception)
    before = {path: path.read_bytes() for path in corrected.rglob("*") if path.is_file()}
    told(*words, "--overwrite")
    assert before == {path: path.read_bytes() for path in corrected.rglob("*") if path.is_file()}
    assert "not merged labels" in str(call(*words[:-1], predictions.with_name("labelme"), "--overwrite").exception)


def test_labels_that_cannot_be_read_cost_their_image_and_the_exit_code(predictions, corrected, tmp_path):
    edit(corrected / "손.json", lambda shape: shape.update(label="lunatum") if shape["label"] == "Lunate" else None)
    for words in (("diff", predictions, corrected), ("merge", corrected, "--over", predictions, "-o", tmp_path / "m")):
        result = call(*words, "--json")
        assert result.exit_code == 1
        [(name, why)] = json.loads(result.stdout)["failed"].items()
        assert name == "손.tif" and "unknown label 'lunatum'" in why
    assert call("diff", predictions, corrected, "--map", "lunatum=Lunate").exit_code == 0


def test_images_are_joined_by_their_names_and_never_to_two():
    found = matched(["p1/a.png", "p2/a.png", "손.png", "b.tif.png"], ["p1/a.png", "손.tif", "b.tif", "b.png"])
    assert found == {"p1/a.png": "p1/a.png", "손.png": "손.tif", "b.tif.png": "b.tif"}
    assert matched(["p1/a.png", "p2/a.png"], ["a.tif"]) == {}
    assert matched(["p1/a.png"], ["p2/a.png"]) == {} and matched(["p1/a.png"], ["x/p1/a.tif"]) == {
        "p1/a.png": "x/p1/a.tif"
    }


def test_nothing_in_common_is_an_error(predictions, tmp_path):
    with PredictionsWriter(tmp_path / "other.csv") as table:
        table.write("x.png", ellipses())
    assert "it shares no radiograph" in str(call("diff", predictions, tmp_path / "other.csv").exception)
    assert "no such file" in str(call("diff", predictions, Path("nowhere")).exception)


def test_an_export_is_known_by_its_record_whatever_its_folders_are_called(predictions, tmp_path):
    """Names of the contest's folders, in an export, do not make it the contest's."""
    record = json.loads((predictions / "predictions.json").read_text(encoding="utf-8"))
    (predictions / "predictions.csv").unlink()
    with PredictionsWriter(predictions / "predictions.csv") as table:
        for number, image in enumerate(record["images"]):
            image["name"] = f"DCM/ID{number}/a.png"
            table.write(image["name"], ellipses())
    write_json(predictions / "predictions.json", record)
    for format in ("labelme", "cvat", "label_studio"):
        export(predictions, format, tmp_path / format)
        assert open_dataset(Data(path=str(tmp_path / format))).layout == format
        assert not told("diff", predictions, tmp_path / format)["changes"]
        assert all(any(folder.iterdir()) for folder in (tmp_path / format).rglob("*") if folder.is_dir())
