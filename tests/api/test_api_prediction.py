"""`Prediction`: masks by name, tables, measurements, files, and the same of all of them as the commands give."""

import io
import json
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pytest
from cli_small import draw_image, main, save_seeing
from PIL import Image
from plain_hands import PlainHand

import handbone
from handbone.anatomy import BONES, NAMES, SHORT_NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.radiograph import Radiograph
from handbone.measure import Scale, measure_hand
from handbone.measure.measuring import COLUMNS
from handbone.method.hands import HandEvidence
from handbone.method.outcome import MethodResult
from handbone.method.quality_control import Flag
from handbone.method.several_hands import OneHand
from handbone.workflows.outlining import Outlined, records_of


@pytest.fixture(scope="module")
def hand():
    return PlainHand(pixel_mm=(0.3, 0.3))


def prediction_of(hand, *, without=(), flags=(), found=True, mm_per_px=None, **file):
    """What is predicted of a plain hand by a network that is always right."""
    masks = hand.masks(without=without)
    probabilities = BoneProbabilities.from_masks(masks)
    outcome = MethodResult(probabilities, probabilities, hand=HandEvidence(found, 1.0, 20.0, 29))
    radiograph = Radiograph(hand.image().astype(np.float32), False, 8, **file)
    one = Outlined(radiograph, OneHand(outcome, Box.whole(masks.size_hw)), masks, list(flags))
    return handbone.Prediction(one, records_of("plain.png", None, [one])[0], None, mm_per_px)


def test_masks_and_probabilities_go_by_names(hand):
    prediction = prediction_of(hand, without=("DP5",))
    dense = prediction.masks.dense()
    assert dense.shape == (29, *prediction.radiograph.size_hw) and dense.dtype == bool
    for bone, short in zip(BONES, SHORT_NAMES, strict=True):
        assert np.array_equal(prediction.masks[bone.name], dense[bone.index])
        assert np.array_equal(prediction.masks[short], dense[bone.index])
        assert np.array_equal(prediction.probabilities[short], prediction.probabilities.dense()[bone.index])
    assert not prediction.masks["DP5"].any() and "DP5" not in prediction.masks and "MC5" in prediction.masks
    assert list(prediction.masks) == [name for name, short in zip(NAMES, SHORT_NAMES, strict=True) if short != "DP5"]
    for values in (prediction.masks, prediction.probabilities):
        with pytest.raises(UnknownNameError, match="'Capitat'; did you mean 'Capitate'"):
            values["Capitat"]


def test_the_table_has_a_row_a_bone(hand):
    flags = [Flag("unsure", ("Radius",), "half sure"), Flag("apart", ("Radius", "Ulna"), "lie apart")]
    prediction = prediction_of(hand, without=("DP5",), flags=flags)
    table = prediction.to_dataframe()
    assert list(table["bone"]) == list(NAMES) and set(table["image"]) == {"plain.png"}
    rows = table.set_index("short_name")
    assert rows.loc["Radius", "flags"] == "half sure; lie apart" and rows.loc["MC3", "flags"] == ""
    assert not rows.loc["DP5", "found"] and np.isnan(rows.loc["DP5", "confidence"])
    assert rows.loc["MC3", "found"] and rows.loc["MC3", "confidence"] == 1.0
    mask = prediction.masks["MC3"]
    assert rows.loc["MC3", "area_px"] == mask.sum()
    left, top, right, bottom = rows.loc["MC3", ["left", "top", "right", "bottom"]]
    assert mask[top:bottom, left:right].sum() == mask.sum() and mask[top].any() and mask[:, right - 1].any()
    assert prediction.flags == tuple(flags)
    with pytest.raises(TypeError):
        prediction.confidence["MC3"] = 0.0


def test_measurements_have_value_unit_scale_and_refusal(hand):
    flags = [Flag("unsure", ("Ulna",), "half sure")]
    measured = prediction_of(hand, flags=flags, mm_per_px=0.3).measure()
    length = measured["length", "MC3"]
    assert length.value == pytest.approx(64, abs=0.3) and (length.unit, length.scale_source) == ("mm", "user")
    assert measured["carpal_height_ratio"].value == pytest.approx(0.6, abs=0.2)
    refused = measured["ulnar_variance"]
    assert refused.value is None and refused.reason == "Ulna is doubtful: half sure"
    assert measured["cortical_thickness", "MC3"].value is not None  # grey values are at hand


def test_a_scale_comes_from_the_call_the_segmenter_or_the_file_in_this_order(hand):
    def length(prediction, **given):
        found = prediction.measure(**given)["length", "MC3"]
        return round(found.value / 64, 1), found.unit, found.scale_source

    filed = {"spacing_mm": (0.6, 0.6), "spacing_source": "PixelSpacing"}
    assert length(prediction_of(hand)) == (3.3, "px", "none")
    assert length(prediction_of(hand, **filed)) == (2.0, "mm", "pixel_spacing")
    assert length(prediction_of(hand, mm_per_px=0.3, **filed)) == (1.0, "mm", "user")
    assert length(prediction_of(hand, mm_per_px=0.3, **filed), mm_per_px=0.9) == (3.0, "mm", "user")


def test_the_measurements_are_those_of_masks_alone(hand):
    prediction = prediction_of(hand)
    expected = measure_hand(prediction.masks, image=prediction.radiograph.image, scale=Scale())
    assert prediction.measure().rows() == expected.rows()
    table = prediction.measure().to_dataframe()
    assert tuple(table.columns) == COLUMNS and table["value"].dtype == float
    assert table["value"].isna().tolist() == [each.value is None for each in expected]


def test_it_shows_itself(hand):
    prediction = prediction_of(hand, without=("DP5",), flags=[Flag("unsure", ("Radius",), "half sure")])
    height, width = prediction.radiograph.size_hw
    assert repr(prediction) == f"Prediction('plain.png', {width} x {height}, 28 of 29 bones, flags: 1)"
    overlay = prediction.overlay()
    assert (overlay.mode, overlay.size) == ("RGB", (width, height))
    assert (np.ptp(np.asarray(overlay), axis=2) > 60).mean() > 0.01  # coloured contours
    shown = Image.open(io.BytesIO(prediction._repr_png_()))
    assert shown.format == "PNG" and max(shown.size) == min(1024, max(height, width))
    solid = prediction_of(hand, without=("DP5",)).overlay()
    assert solid != overlay  # the contour of a flagged bone is dashed
    assert "no hand" in repr(prediction_of(hand, found=False))
    assert not prediction_of(hand, found=False).hand_found


def test_formats_are_written_to_folders_of_their_names(hand, tmp_path):
    prediction = prediction_of(hand)
    assert prediction.write(tmp_path / "out", ["coco", "png"]) == tmp_path / "out"
    annotations = json.loads((tmp_path / "out" / "coco" / "annotations.json").read_text())
    assert len(annotations["annotations"]) == 29
    mask = cv2.imread(str(tmp_path / "out" / "png" / "plain" / "Capitate.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask > 0, prediction.masks["Capitate"])
    with pytest.raises(HandboneError, match="already contains exported masks"):
        prediction.write(tmp_path / "out", ["png"])
    prediction.write(tmp_path / "out", ["coco"], settings={"coco": {"segmentation": "polygon"}}, overwrite=True)
    annotations = json.loads((tmp_path / "out" / "coco" / "annotations.json").read_text())
    assert isinstance(annotations["annotations"][0]["segmentation"], list) and not (tmp_path / "out" / "png").exists()


def test_labelme_gets_the_radiograph_and_the_flags(hand, tmp_path):
    prediction = prediction_of(hand)
    prediction.write(tmp_path / "out", ["labelme"])
    content = json.loads((tmp_path / "out" / "labelme" / "plain.json").read_text())
    shown = cv2.imread(str(tmp_path / "out" / "labelme" / "plain.png"), cv2.IMREAD_UNCHANGED)
    assert shown.shape == prediction.radiograph.size_hw == (content["imageHeight"], content["imageWidth"])
    assert [flag["rule"] for flag in content["handbone"]["flags"]] == [flag.rule for flag in prediction.flags]


def test_nothing_is_written_of_what_cannot_be(hand, tmp_path):
    prediction, out = prediction_of(hand), tmp_path / "out"
    with pytest.raises(UnknownNameError, match="'coc'"):
        prediction.write(out, ["coc"])
    with pytest.raises(HandboneError, match="no format is given"):
        prediction.write(out, [])
    with pytest.raises(HandboneError, match="no predictions to write"):
        handbone.write([], out, ["png"])
    with pytest.raises(HandboneError, match=r"plain.png: cannot be written as contest_csv"):
        handbone.write([prediction, prediction_of(hand)], out, ["contest_csv"])
    assert not out.exists()


def test_images_of_the_same_stem_get_files_of_their_own(segmenter, images, tmp_path):
    handbone.write(segmenter.predict_many([images / "a.png", images / "a.jpg"]), tmp_path / "out", ["png"])
    assert sorted(path.name for path in (tmp_path / "out" / "png").iterdir()) == ["a", "a.png"]


def test_masks_confidence_and_overlay_are_those_of_the_command(segmenter, weights, images, tmp_path, monkeypatch):
    (images / "cut.png").unlink()
    shutil.rmtree(images / "more")  # this table knows images by their base names alone
    out = tmp_path / "out"
    assert main(monkeypatch, "predict", images, "-o", out, "-w", weights, "--write", "contest_csv") == 0
    handbone.write(segmenter.predict_many(images), tmp_path / "api", ["contest_csv"])
    table = (tmp_path / "api" / "contest_csv" / "predictions.csv").read_bytes()
    assert table == (out / "contest_csv" / "predictions.csv").read_bytes()
    full = pd.read_csv(out / "predictions.csv").drop(columns="confidence")
    assert full.equals(pd.read_csv(io.BytesIO(table)))
    record = {image["name"]: image for image in json.loads((out / "predictions.json").read_text())["images"]}
    for prediction in segmenter.predict_many(images):
        known = record[prediction.name]
        assert json.loads(json.dumps(prediction.record.to_json()))["flags"] == known["flags"]
        assert dict(prediction.confidence) == known["confidence"]
        drawn = cv2.imread(str(out / "overlays" / f"{prediction.name}.png"))[..., ::-1]
        assert np.array_equal(np.asarray(prediction.overlay()), drawn)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"flip_tta": True}, ["--flip-tta"]),
        ({"views": ["brightness", "turned"]}, ["--views", "brightness", "--views", "turned"]),
        ({"threshold": 0.45, "views": ()}, ["--threshold", "0.45", "--views", "none"]),
    ],
)
def test_options_change_masks_as_those_of_the_command_do(
    segmenter, weights, images, tmp_path, monkeypatch, options, words
):
    image, tables = images / "a.png", {}
    given = ["-o", tmp_path / "out", "-w", weights, "--write", "contest_csv", "--no-page"]
    assert main(monkeypatch, "predict", image, *given, *words) == 0
    tables["command"] = (tmp_path / "out" / "contest_csv" / "predictions.csv").read_bytes()
    for name, one in (("function", handbone.load(weights, device="cpu", **options)), ("default", segmenter)):
        one.predict(image).write(tmp_path / name, ["contest_csv"])
        tables[name] = (tmp_path / name / "contest_csv" / "predictions.csv").read_bytes()
    assert tables["function"] == tables["command"] != tables["default"]


def test_files_for_annotation_tools_say_what_outlined_them(segmenter, weights, images, tmp_path):
    segmenter.predict(images / "a.png").write(tmp_path / "out", ["labelme"])
    content = json.loads((tmp_path / "out" / "labelme" / "a.json").read_text(encoding="utf-8"))
    assert content["handbone"]["model"] == str(weights)


@pytest.mark.slow
def test_a_drawn_hand_has_the_masks_of_the_command_with_the_shipped_weights(tmp_path):
    drawn = handbone.draw_hand(seed=7, size=768)
    cv2.imwrite(str(tmp_path / "hand.png"), drawn.image)
    command = [sys.executable, "-m", "handbone", "predict", tmp_path / "hand.png", "-o", tmp_path / "out"]
    done = subprocess.run([*command, "--write", "contest_csv"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    segmenter = handbone.load()
    prediction = segmenter.predict(tmp_path / "hand.png")
    prediction.write(tmp_path / "api", ["contest_csv"])
    written = [(tmp_path / place / "contest_csv" / "predictions.csv").read_bytes() for place in ("out", "api")]
    assert written[0] == written[1] and prediction.hand_found and prediction.masks.present().all()
    assert segmenter.predict(drawn.image).masks == prediction.masks


def test_an_image_without_a_hand_has_no_masks_and_no_measurements(tmp_path):
    blind = handbone.load(save_seeing(tmp_path / "blind.safetensors", bias=-9), device="cpu")
    prediction = blind.predict(draw_image(tmp_path / "a.png"))
    assert not prediction.masks.present().any() and prediction.confidence == {}
    assert all(each.value is None and each.reason for each in prediction.measure())
    assert not prediction.to_dataframe()["found"].any()
