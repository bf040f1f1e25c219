"""`evaluate`: masks of every form against labels, in numbers that are known, and what is said of those that lack."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from annotation_toys import write
from evaluate_toys import HANDS, masks_of, shifted, write_hands, write_table
from pycocotools import mask as coco_mask

from handbone.anatomy import GROUPS, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.evaluation.bootstrap import PatientBootstrap
from handbone.formats.working_copies import numbered
from handbone.workflows.evaluate import evaluate
from handbone.workflows.evaluation.notes import notes


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    return write_hands(tmp_path_factory.mktemp("hands"))


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "theirs.csv", shifted((2, 1)))


def write_predicted(folder, **facts):
    """A folder as `handbone predict` leaves it."""
    folder.mkdir()
    write_table(folder / "predictions.csv", {key: masks_of(key, shift=(2, 1)) for key in HANDS})
    records = [{"name": key, "path": key, "size_hw": masks_of(key).size_hw, **facts} for key in HANDS]
    (folder / "predictions.json").write_text(json.dumps({"images": records}))
    return folder


def plain_dice(key: str, found: BoneMasks) -> np.ndarray:
    """(29,) by the contest's formula on whole images."""
    truth, masks = masks_of(key).dense(), found.dense()
    shared = (truth & masks).sum((1, 2))
    return (2 * shared + 1e-4) / (truth.sum((1, 2)) + masks.sum((1, 2)) + 1e-4)


def test_dice_is_the_contest_s_of_every_image_and_bone(hands, table):
    found = evaluate(table, hands)
    assert not found.failed and found.stages == ["prediction"]
    dice = found.rows.pivot(index="image_name", columns="bone", values="dice")[list(NAMES)]
    expected = {key.split("/")[1]: plain_dice(key, masks_of(key, shift=(2, 1))) for key in HANDS}
    for name, values in expected.items():
        assert dice.loc[name].to_numpy() == pytest.approx(values)
    assert found.dice() == pytest.approx(np.mean(list(expected.values())))
    carpals = [INDEX[bone] for bone in GROUPS["carpals"]]
    assert found.dice("carpals") == pytest.approx(np.mean([v[carpals] for v in expected.values()]))
    assert found.dice("Ulna") == pytest.approx(np.mean([v[INDEX["Ulna"]] for v in expected.values()]))
    with pytest.raises(HandboneError, match="unknown group or bone 'carpal'; did you mean 'carpals'"):
        found.dice("carpal")


def test_intervals_poses_and_patients(hands, table):
    found = evaluate(table, hands)
    summary = found.summary.set_index(["kind", "name"])
    names = sorted(set(found.rows["image_name"]))
    assert dict(found.rows.groupby("image_name")["pose"].first())["c_R.png"] == "bent"
    grid = found.rows.pivot(index="image_name", columns="bone", values="hd95_px").loc[names, list(NAMES)].to_numpy()
    expected = PatientBootstrap(["ID001", "ID001", "ID002", "ID003"]).mean(grid)
    line = summary.loc[("group", "all")]
    assert (line["prediction_hd95_px_low"], line["prediction_hd95_px_high"]) == pytest.approx(
        (expected.low, expected.high)
    )
    assert summary.loc[("bone", "Radius"), "prediction_dice_low"] <= found.dice("Radius")
    one = found.rows[found.rows["patient_id"] == "ID001"]
    assert summary.loc[("patient", "ID001"), "prediction_dice"] == pytest.approx(one["dice"].mean())
    assert summary.loc[("patient", "ID001"), "images"] == 2
    assert set(found.rows[found.rows["image_name"] == "a_L.png"]["side"]) == {"L"}


def test_empty_masks_are_counted_openly(hands, tmp_path):
    masks = shifted((0, 0), without=("Pisiform", "Lunate"))
    masks["b_R.png"] = masks_of("ID002/b_R.png", without=("Pisiform",))
    labels = tmp_path / "hands"
    shutil.copytree(hands, labels)
    for path in (labels / "train/outputs_json").rglob("*.json"):
        content = json.loads(path.read_text())
        gone = {"Pisiform"} | ({"Lunate"} if path.stem == "b_R" else set())
        content["annotations"] = [a for a in content["annotations"] if a["label"] not in gone]
        path.write_text(json.dumps(content))
    found = evaluate(write_table(tmp_path / "t.csv", masks), labels)
    line = found.summary.set_index("name").loc["all"]
    # Nobody has a Pisiform; the Lunate is missed three times, and invented where the labels have none.
    assert (line["prediction_both_empty"], line["prediction_missed"], line["prediction_invented"]) == (4, 3, 1)
    assert found.dice("Pisiform") == 1 and np.isnan(found.dice("Pisiform", seen=True))
    assert found.dice("Lunate") == pytest.approx(0, abs=1e-5)
    assert found.dice() > found.dice(seen=True) == pytest.approx(27 / 28, abs=1e-6)
    images = found.images().set_index("image_name")
    assert images.loc["b_R.png", "prediction_invented"] == ["Lunate"]
    assert images.loc["a_R.png", "prediction_missed"] == ["Lunate"]


def test_two_predictions_are_compared_image_by_image(hands, table, tmp_path):
    better = {**shifted((1, 0)), "c_R.png": masks_of("ID003/c_R.png", shift=(4, 0))}
    found = evaluate(write_table(tmp_path / "ours.csv", better), hands, against=table)
    assert found.stages == ["against", "prediction"]
    grids = [
        rows.pivot(index="image_name", columns="bone", values="dice").sort_index()[list(NAMES)].to_numpy()
        for _, rows in found.rows.groupby("stage")
    ]
    expected = PatientBootstrap(["ID001", "ID001", "ID002", "ID003"]).difference(*grids)
    line = found.summary.set_index(["kind", "name"]).loc[("group", "all")]
    assert line["dice_change"] == pytest.approx(expected.mean) == pytest.approx(grids[1].mean() - grids[0].mean())
    assert (line["dice_change_low"], line["dice_change_high"]) == pytest.approx((expected.low, expected.high))
    images = found.images()
    assert (
        images["image_name"].iloc[0] == "c_R.png" and images["dice_change"].iloc[0] < 0 < images["dice_change"].iloc[1]
    )


def test_every_form_of_masks_gives_the_same_metrics(hands, table, tmp_path):
    from handbone.formats.coco_writer import CocoWriter
    from handbone.formats.png_writer import PngWriter
    from handbone.plugins import PredictedImage

    expected = evaluate(table, hands).table
    for name, make in (("coco", CocoWriter), ("png", PngWriter)):
        folder = tmp_path / name
        folder.mkdir()
        writer = make(folder)
        for key in HANDS:
            image = PredictedImage(key, None, masks_of(key, shift=(2, 1)), {}, key.removesuffix(".png"))
            writer.write(image)
        writer.close()
        pd.testing.assert_frame_equal(evaluate(folder, hands).table, expected)
    predicted = write_predicted(tmp_path / "predicted")
    pd.testing.assert_frame_equal(evaluate(predicted, hands).table, expected)
    moved = tmp_path / "moved"
    shutil.copytree(hands, moved)
    for path in (moved / "train/outputs_json").rglob("*.json"):
        content = json.loads(path.read_text())
        for annotation in content["annotations"]:
            annotation["points"] = [[x + 2, y + 1] for x, y in annotation["points"]]
        path.write_text(json.dumps(content))
    pd.testing.assert_frame_equal(evaluate(moved, hands).table, expected)
    # And the other way round: a file of masks as labels.
    swapped = evaluate(write_table(tmp_path / "truth.csv", shifted((0, 0))), table)
    assert swapped.dice() == pytest.approx(expected["dice"].mean())


def test_holes_and_overlapping_parts_of_coco_count(hands, tmp_path):
    from handbone.formats.coco_writer import CocoWriter
    from handbone.plugins import PredictedImage

    key = "ID001/a_R.png"
    whole = masks_of(key).dense()
    ys, xs = np.nonzero(whole[INDEX["Radius"]])
    whole[INDEX["Radius"], int(ys.mean()) - 2 : int(ys.mean()) + 3, int(xs.mean()) - 2 : int(xs.mean()) + 3] = False
    folder = tmp_path / "coco"
    folder.mkdir()
    writer = CocoWriter(folder)
    writer.write(PredictedImage(key, None, BoneMasks.from_dense(whole), {}, "a_R"))
    writer.close()
    radius = evaluate(folder, hands).rows.set_index("bone").loc["Radius"]
    assert radius["ground_truth_area"] - radius["area"] == 25
    # The same mask as two annotations that overlap.
    content = json.loads((folder / "annotations.json").read_text())
    category = next(c["id"] for c in content["categories"] if c["name"] == "Radius")
    own = next(a for a in content["annotations"] if a["category_id"] == category)
    content["annotations"].remove(own)
    columns = np.arange(whole.shape[2]) % 3
    for number, part in enumerate((columns < 2, columns > 0)):
        half = (whole[INDEX["Radius"]] & part).astype(np.uint8)
        rle = coco_mask.encode(np.asfortranarray(half))
        segmentation = {"size": list(half.shape), "counts": rle["counts"].decode()}
        content["annotations"].append(own | {"id": 9000 + number, "segmentation": segmentation})
    (folder / "annotations.json").write_text(json.dumps(content))
    halves = evaluate(folder, hands).rows.set_index("bone").loc["Radius"]
    assert (halves["area"], halves["dice"]) == (radius["area"], radius["dice"])


def test_millimetres_are_those_of_the_pixel_s_size(hands, table, tmp_path):
    plain = evaluate(table, hands, tolerances=["2px", "1"])
    assert "nsd_1px" in plain.rows and not any(name.endswith("mm") for name in plain.rows)
    found = evaluate(table, hands, tolerances=["0.5mm"], mm_per_px=0.25).rows
    assert list(found["nsd_0.5mm"]) == pytest.approx(list(plain.rows["nsd_2px"]))
    assert list(found["hd95_mm"]) == pytest.approx(list(0.25 * plain.rows["hd95_px"]))
    assert list(found["assd_mm"]) == pytest.approx(list(0.25 * plain.rows["assd_px"]))
    lost = write_table(tmp_path / "lost.csv", shifted((0, 0), without=("Ulna",)))
    ulna = evaluate(lost, hands, tolerances=["0.5mm"], mm_per_px=0.25).rows.query("bone == 'Ulna'")
    diagonal = 0.25 * np.hypot(256, 256)
    assert ulna.set_index("image_name").loc["a_R.png", ["hd95_mm", "assd_mm"]].tolist() == pytest.approx([diagonal] * 2)
    unknown = evaluate(table, hands, tolerances=["0.5mm"])
    assert unknown.rows["hd95_mm"].isna().all()
    with pytest.raises(HandboneError, match="'2cm' is no tolerance; write pixels or millimetres"):
        evaluate(table, hands, tolerances=["2cm"])


def test_the_scale_may_come_from_predict_and_is_doubted(hands, tmp_path):
    folder = write_predicted(tmp_path / "predicted", spacing_mm=[0.25, 0.5])
    found = evaluate(folder, hands, tolerances=["0.5mm"])
    square = evaluate(folder, hands, tolerances=["0.5mm"], mm_per_px=0.25).rows
    # A pixel is wider than high: what was moved sideways is farther away.
    assert (found.rows["assd_mm"] > square["assd_mm"] + 0.01).all()
    assert {scale.source for scale in found.scales.values()} == {"imager_spacing"}
    told = notes(found)
    assert "Metrics in millimetres are of the 4 of 4 images whose pixel size is known." in told
    assert any(note.startswith("Caution: the spacing is that at the detector") for note in told)


def test_bones_that_a_file_never_has_are_told(hands, tmp_path):
    path = write_table(tmp_path / "t.csv", shifted((0, 0), without=("finger-1", "Ulna")))
    assert notes(evaluate(path, hands)) == [
        "No image of 'prediction' has finger-1, Ulna: they count as missed; --classes leaves them out."
    ]
    assert notes(evaluate(path, hands, classes="carpals")) == []


def test_images_that_one_side_lacks_are_named(hands, tmp_path):
    masks = shifted((0, 0), keys=list(HANDS)[:3]) | {"stranger.png": masks_of("ID001/a_R.png")}
    found = evaluate(write_table(tmp_path / "t.csv", masks), hands)
    assert found.pairs.without_prediction == {"prediction": ("c_R.png",)}
    assert found.pairs.without_labels == {"prediction": ("stranger.png",)}
    assert not found.failed and found.rows["image_name"].nunique() == 3
    with pytest.raises(HandboneError, match=r"none of the 4 labelled images is among the predictions, such as 'x.png'"):
        evaluate(write_table(tmp_path / "x.csv", {"x.png": masks_of("ID001/a_R.png")}), hands)


def test_a_name_that_may_mean_two_images_means_none(tmp_path, hands):
    labels = tmp_path / "hands"
    shutil.copytree(hands, labels)
    for folder, end in (("DCM", "png"), ("outputs_json", "json")):
        (labels / "train" / folder / "ID004").mkdir()
        shutil.copy(labels / f"train/{folder}/ID002/b_R.{end}", labels / f"train/{folder}/ID004/b_R.{end}")
    found = evaluate(write_table(tmp_path / "t.csv", shifted((0, 0))), labels)
    assert len(found.pairs.without_prediction["prediction"]) == 2
    assert found.pairs.without_labels == {"prediction": ("b_R.png",)}


def test_another_size_is_refused_with_what_where_and_what_to_do(hands, tmp_path):
    masks = shifted((0, 0))
    masks["b_R.png"] = masks_of("ID001/a_R.png")
    path = write_table(tmp_path / "t.csv", masks)
    found = evaluate(path, hands)
    assert list(found.failed) == ["b_R.png"]
    assert found.failed["b_R.png"] == (
        f"{path}: b_R.png: the file says 256 x 256, but the image has 240 x 240 pixels; check that it is the same image"
    )
    assert found.rows["image_name"].nunique() == 3


def test_a_broken_image_costs_only_itself(hands, tmp_path):
    labels = tmp_path / "hands"
    shutil.copytree(hands, labels)
    (labels / "train/outputs_json/ID002/b_R.json").write_text("{")
    path = write_table(tmp_path / "t.csv", shifted((0, 0), keys=list(HANDS)[:3]))
    path.write_text(path.read_text().replace("a_L.png,Radius,", "a_L.png,Radius,7 "))
    found = evaluate(path, labels)
    assert set(found.failed) == {"a_L.png", "b_R.png"} and set(found.rows["image_name"]) == {"a_R.png"}
    with pytest.raises(HandboneError, match="none of 1 images could be compared; the first error"):
        evaluate(write_table(tmp_path / "u.csv", shifted((0, 0), keys=["ID002/b_R.png"])), labels)


def test_wrong_labels_are_told(hands, table, tmp_path):
    labels = tmp_path / "hands"
    shutil.copytree(hands, labels)
    path = labels / "train/outputs_json/ID002/b_R.json"
    path.write_text(path.read_text().replace('"Lunate"', '"Lunat"'))
    found = evaluate(table, labels)
    assert list(found.label_problems) == ["b_R.png"] and "'Lunat'" in found.label_problems["b_R.png"][0]


@pytest.mark.parametrize("what", ["nothing there", "nothing in it", "images alone"])
def test_a_place_without_masks_is_refused(hands, tmp_path, what):
    place = tmp_path / "place"
    if what != "nothing there":
        place.mkdir()
    if what == "images alone":
        cv2.imwrite(str(place / "a_R.png"), np.zeros((256, 256), np.uint8))
    with pytest.raises(
        HandboneError, match=r"no such file or folder; give a CSV|there are no masks in this folder(: .*)?; give"
    ):
        evaluate(place, hands)


def test_bones_and_groups_can_be_chosen(hands, table):
    found = evaluate(table, hands, classes="forearm,Lunate")
    assert set(found.rows["bone"]) == {"Radius", "Ulna", "Lunate"}
    everything = evaluate(table, hands)
    assert found.dice() == pytest.approx(np.mean([everything.dice(bone) for bone in ("Radius", "Ulna", "Lunate")]))


def test_run_lengths_of_another_way_are_recognised(hands, tmp_path):
    path = tmp_path / "columns.csv"
    lines = ["image_name,class,rle"]
    for key in HANDS:
        masks = masks_of(key).dense()
        for bone, mask in zip(NAMES, masks, strict=True):
            flat = np.concatenate([[0], mask.T.ravel(), [0]]).astype(int)
            runs = np.flatnonzero(np.diff(flat)).reshape(-1, 2)
            text = " ".join(f"{start + 1} {end - start}" for start, end in runs)
            lines.append(f"{key.split('/')[1]},{bone},{text}")
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(HandboneError, match="give --rle column-major"):
        evaluate(path, hands)
    assert evaluate(path, hands, rle=["column-major"]).dice() == 1
    truth = write_table(tmp_path / "rows.csv", shifted((0, 0)))
    assert evaluate(truth, path, truth_rle=["column-major"], images=hands).dice() == 1


def test_errors_of_measurements(hands, tmp_path):
    masks = shifted((3, 0)) | {"c_R.png": masks_of("ID003/c_R.png", without=("finger-3",))}
    found = evaluate(write_table(tmp_path / "t.csv", masks), hands, measures=True, mm_per_px=0.2)
    errors = found.measurement_errors
    lengths = errors[(errors["measure"] == "length") & (errors["image_name"] == "a_R.png")]
    assert len(lengths) == 19 and lengths["error"].dropna().abs().max() < 1e-6 < lengths["ground_truth"].min()
    assert set(lengths["unit"]) == {"mm"} and set(lengths["scale_source"]) == {"user"}
    gone = errors[
        (errors["image_name"] == "c_R.png") & (errors["bone_or_joint"] == "MC1") & (errors["measure"] == "length")
    ]
    assert np.isnan(gone["error"].item()) and gone["reason"].item().startswith("prediction: ")
    summary = found.measurement_summary.set_index(["measure", "bone_or_joint"])
    line = summary.loc[("length", "MC1")]
    assert (line["images"], line["only_ground_truth"], line["neither"]) == (3, 1, 0)
    assert line["bias"] == pytest.approx(0, abs=1e-6)
    own = errors[(errors["measure"] == "width") & (errors["bone_or_joint"] == "MC3")]["error"].dropna()
    wide = summary.loc[("width", "MC3")]
    assert wide["limit_high"] - wide["limit_low"] == pytest.approx(2 * 1.96 * own.std(ddof=1))


def test_files_hold_what_the_result_says(hands, table, tmp_path):
    found = evaluate(table, hands, against=table, measures=True)
    folder = tmp_path / "out"
    folder.mkdir()
    found.write(folder)
    rows = pd.read_csv(folder / "metrics.csv")
    assert len(rows) == 2 * 4 * 29 and rows["dice"].mean() == pytest.approx(found.rows["dice"].mean(), abs=1e-5)
    summary = pd.read_csv(folder / "summary.csv").set_index(["kind", "name"])
    assert summary.loc[("group", "carpals"), "prediction_dice"] == pytest.approx(found.dice("carpals"), abs=1e-5)
    assert {"dice_change_low", "against_nsd_2px_high", "prediction_missed"} <= set(summary)
    record = json.loads((folder / "evaluation.json").read_text())
    everything = next(line for line in record["summary"] if line["name"] == "all" and line["kind"] == "group")
    assert everything["stages"]["prediction"]["metrics"]["dice"]["mean"] == pytest.approx(found.dice())
    assert everything["change"]["dice"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert len(record["images"]) == 4 and len(record["measurements"]) == len(found.measurement_summary)
    page = (folder / "report.html").read_text()
    assert "theirs.csv against the labels of" in page and "data:image/jpeg" in page
    assert page.count('<th scope="row">length</th>') == page.count('<th scope="row">length_ratio</th>') == 1
    assert pd.read_csv(folder / "measurement_errors.csv")["error"].abs().max() < 1e-9


def test_images_without_a_radiograph_are_drawn_on_black(table, tmp_path):
    truth = write_table(tmp_path / "truth.csv", shifted((0, 0)))
    folder = tmp_path / "out"
    folder.mkdir()
    evaluate(table, truth).write(folder)
    assert (folder / "report.html").read_text().count("<article>") == 4
    images = tmp_path / "images"
    images.mkdir()
    cv2.imwrite(str(images / "a_R.png"), np.full((256, 256), 90, np.uint8))
    known = {image.name for image in evaluate(table, truth, images=images).pairs.images if image.image}
    assert known == {"a_R.png"}


def test_a_label_that_nobody_knows_costs_its_image(hands, tmp_path):
    for key, path in {key: next(hands.rglob(key)) for key in HANDS}.items():
        write(tmp_path / "theirs", "labelme", path, masks_of(key), name=key.split("/")[1])
    file = tmp_path / "theirs" / "b_R.json"
    file.write_text(file.read_text().replace('"Lunate"', '"Lunat"'))
    found = evaluate(tmp_path / "theirs", hands)
    assert list(found.failed) == ["b_R.png"] and "unknown label 'Lunat'" in found.failed["b_R.png"]


def test_an_export_for_an_annotation_tool_is_joined_by_the_names_before_it(hands, tmp_path):
    paths = {key: next(hands.rglob(key)) for key in HANDS}
    for number, (key, path) in enumerate(paths.items(), start=1):
        named = numbered(key.split("/")[1], number)
        write(tmp_path / "corrected", "labelme", path, masks_of(key), name=named, shapes="mask")
    found = evaluate(tmp_path / "corrected", hands)
    assert found.dice() == pytest.approx(1) and len(found.images()) == len(HANDS)
