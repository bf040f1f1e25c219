"""Images as people bring them, through the shipped weights: is there a hand, how many, and does brightness matter."""

import json

import cv2
import numpy as np
import pytest
import typer
from no_hands import KINDS, no_hand
from typer.testing import CliRunner

from handbone import weights
from handbone.anatomy import COUNT
from handbone.cli import predict
from handbone.core.bone_masks import BoneMasks
from handbone.core.radiograph import Radiograph, Remark
from handbone.evaluation.metrics import dice_contest
from handbone.formats.image_files import read_image
from handbone.method.two_stage import TwoStage
from handbone.synthetic import draw_hand
from handbone.workflows.outlining import outline

app = typer.Typer()
app.command()(predict.command)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def method():
    return TwoStage.from_path(weights.DEFAULT)


@pytest.fixture(scope="module")
def hand():
    """A right hand that lies upright."""
    return draw_hand(20261126, size=512, side="R", bent=False)


def masks_of(method, image):
    [one] = outline(method, Radiograph(np.ascontiguousarray(image, np.float32), False, 8))
    return one.masks


@pytest.mark.parametrize("kind", KINDS)
def test_what_shows_no_hand_has_no_bones(method, kind):
    # One drawn foot in eight is taken for a hand, the first among them.
    result = method.predict(no_hand(kind, seed=int(kind == "foot")))
    assert not result.hand.found and result.hand.probability < 0.5
    assert not result.final.threshold(0.5).present().any()


def part(hand, name):
    """A piece of the image: of the forearm alone, or half of the hand."""
    image, rows = hand.image.astype(np.float32) / 255, hand.masks.centroids_xy()[:, 1]
    half = int(rows[: COUNT - 2].mean())
    pieces = {
        "forearm": image[int(rows[-2:].max()) :],
        "upper half": image[: half + 40],
        "lower half": image[half:],
        "left half": image[:, : image.shape[1] // 2 + 20],
    }
    return np.ascontiguousarray(pieces[name])


@pytest.mark.parametrize(
    ("name", "found"), [("forearm", False), ("upper half", True), ("lower half", True), ("left half", True)]
)
def test_half_a_hand_is_one_and_its_forearm_alone_is_none(method, hand, name, found):
    result = method.predict(part(hand, name))
    assert result.hand.found is found
    assert result.final.threshold(0.5).present().any() == found


CHANGES = {
    "0 to 15 of 255": lambda grey: np.rint(grey / 17).astype(np.uint8),
    "0 to 15 of 65535": lambda grey: np.rint(grey / 17).astype(np.uint16),
    "100 to 227": lambda grey: (grey / 2 + 100).astype(np.uint8),
    "12 bits in 16": lambda grey: np.rint(grey * (4095 / 255)).astype(np.uint16),
    "negative": lambda grey: (255 - grey).astype(np.uint8),
    "white border": lambda grey: framed(grey, 255),
    "grey border": lambda grey: framed(grey, 160),
    "negative in a black border": lambda grey: framed(255 - grey, 0),
}


def framed(grey, level):
    side = int(0.12 * grey.shape[0])
    return cv2.copyMakeBorder(grey.astype(np.uint8), *([side] * 4), cv2.BORDER_CONSTANT, value=level)


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_hand_at_another_brightness_has_the_same_masks(method, hand, tmp_path, change):
    grey = cv2.normalize(hand.image, None, 0, 255, cv2.NORM_MINMAX)
    cv2.imwrite(str(tmp_path / "plain.png"), grey)
    cv2.imwrite(str(tmp_path / "changed.png"), CHANGES[change](grey.astype(float)))
    plain, changed = (outline(method, read_image(tmp_path / f"{name}.png"))[0] for name in ("plain", "changed"))
    border = (changed.masks.size_hw[0] - plain.masks.size_hw[0]) // 2
    inside = slice(border, border + grey.shape[0])
    dense = changed.masks.dense()[:, inside, inside]
    dice = dice_contest(plain.masks, BoneMasks.from_dense(dense))
    assert dice.min() > 0.85 and dice.mean() > (0.97 if border or "15" in change else 0.985)
    assert changed.radiograph.inverted is change.startswith("negative")


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(hand, tmp_path):
    """A hand, two hands beside each other, and a chest."""
    right = hand.image
    left = cv2.resize(right[:, ::-1], (448, 448), interpolation=cv2.INTER_AREA)
    left = cv2.copyMakeBorder(left, 64, 0, 0, 0, cv2.BORDER_REPLICATE)
    images = {"one.png": right, "two.png": np.hstack([right, left]), "none.png": no_hand("chest") * 255}
    for name, values in images.items():
        cv2.imwrite(str(tmp_path / name), values.astype(np.uint8))
    return tmp_path


def records(out):
    return {each["name"]: each for each in json.loads((out / "predictions.json").read_text())["images"]}


def test_no_hand_and_two_hands_are_said_in_the_table_the_record_and_the_exit_code(folder):
    result = call(folder / "one.png", folder / "two.png", folder / "none.png", "-o", folder / "out")
    assert result.exit_code == 0, result.output
    assert "no hand" in result.output and "1 without a hand" in result.output
    one, two, none = (records(folder / "out")[name] for name in ("one.png", "two.png", "none.png"))
    assert one["hand"]["found"] and one["hands"] == 1 and one["hand"]["side"] == "R"
    assert not none["hand"]["found"] and none["hands"] == 0 and none["confidence"] == {}
    assert [flag["rule"] for flag in none["flags"]] == ["no-hand"]
    assert two["hands"] == 2 and "second-hand" in {flag["rule"] for flag in two["flags"]}
    assert len(two["confidence"]) >= 27
    alone = call(folder / "none.png", "-o", folder / "alone")
    assert alone.exit_code == 1 and "0 of 1 radiographs outlined, 1 without a hand" in alone.output


def side_by_side(hand, kind):
    """Hands of which the whole image shows the bones of none together."""
    grey = hand.image.astype(np.float32) / 255
    if kind == "one upside down":
        small = cv2.resize(grey, (256, 256), interpolation=cv2.INTER_AREA)
        image = np.zeros((512, 1024), np.float32)
        image[100:356, 60:316], image[200:456, 560:816] = small, small[::-1, ::-1]
    else:
        image = np.zeros((600, 3 * 512), np.float32)
        image[40:552] = np.hstack([grey, grey[:, ::-1], grey])
    return image


@pytest.mark.parametrize(
    ("kind", "sides"), [("one upside down", ["R", "R"]), ("three in a row", ["R", "L", "R"])], ids=["two", "three"]
)
def test_hands_are_found_that_the_whole_image_does_not_show(method, hand, kind, sides):
    image = side_by_side(hand, kind)
    assert not method.predict(image).hand.found
    found = outline(method, Radiograph(image, False, 8), hands="all")
    assert [each.hand.outcome.hand.side for each in found] == sides
    assert all(each.masks.present().sum() >= 27 for each in found)
    [best] = outline(method, Radiograph(image, False, 8))
    assert best.is_hand and best.masks.present().sum() >= 27


def test_each_of_two_hands_is_a_result_of_its_own(folder, hand):
    command = (folder / "two.png", "-o", folder / "out", "--hands", "all", "--write", "coco")
    result = call(*command)
    assert result.exit_code == 0, result.output
    found = records(folder / "out")
    assert list(found) == ["two.png#1", "two.png#2"]
    assert [each["hand"]["side"] for each in found.values()] == ["R", "L"]
    assert all(each["hands"] == 2 and len(each["confidence"]) >= 27 for each in found.values())
    assert not {"second-hand", "missing"} & {flag["rule"] for each in found.values() for flag in each["flags"]}
    left, right = (each["region"] for each in found.values())
    assert left[2] <= right[0] + 1 and right[2] == 2 * hand.image.shape[1] - 64
    assert {path.name for path in (folder / "out" / "overlays").iterdir()} == {"two#1.png", "two#2.png"}
    table = (folder / "out" / "predictions.csv").read_text()
    assert table.count("two.png#1,") == table.count("two.png#2,") == COUNT


def test_what_a_header_says_against_the_hand_is_flagged(method, hand):
    image = hand.image.astype(np.float32) / 255
    remark = Remark("body-part", "the header says CHEST, which is no hand")
    [one] = outline(method, Radiograph(image, False, 8, remarks=(remark,), laterality="L"))
    assert one.is_hand and {"body-part", "laterality"} <= {flag.rule for flag in one.flags}
    [one] = outline(method, Radiograph(image, False, 8, laterality="R"))
    assert "laterality" not in {flag.rule for flag in one.flags}


def test_the_reading_that_shows_a_hand_decides_unless_a_person_says_otherwise(method, monkeypatch):
    from handbone.method import several_hands
    from handbone.method.hands import HandEvidence
    from handbone.method.several_hands import OneHand

    def seen(method, image, *, every):
        found = bool(image.mean() > 0.5)
        result = method.predict(image[:32, :32])
        return [OneHand(several_hands.replace(result, hand=HandEvidence(found, float(found), 0, 0)), None)]

    monkeypatch.setattr("handbone.workflows.outlining.predict_hands", seen)
    dark = Radiograph(np.full((64, 64), 0.1, np.float32), False, 8)
    [auto], [told] = outline(method, dark), outline(method, dark, invert="no")
    assert auto.radiograph.inverted and auto.is_hand
    assert not told.radiograph.inverted and not told.is_hand
