"""What is measured: predictions or radiographs, their scale, and regions that say why one lacks."""

import json

import cv2
import numpy as np
import pytest
from page_toys import bone_masks
from plain_hands import PlainHand

from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.core.radiograph import Radiograph
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_search import InputImage
from handbone.measure import Hand, Scale
from handbone.plugins import PredictedImage
from handbone.workflows import measure, predict
from handbone.workflows.measure import MeasuredImage, measure_images
from handbone.workflows.measure_sources import predicted_source, prediction_source
from handbone.workflows.prediction_join import Summary
from handbone.workflows.records import ImageRecord
from handbone.workflows.regions import MANIFEST, write_regions

SIZE = (150, 120)


@pytest.fixture
def table(tmp_path):
    (tmp_path / "predicted").mkdir()
    images = [{"name": "a.png", "path": str(tmp_path / "gone.png"), "size_hw": list(SIZE)}]
    (tmp_path / "predicted" / "predictions.json").write_text(json.dumps({"images": images}))
    with PredictionsWriter(tmp_path / "predicted" / "predictions.csv") as writer:
        writer.write("a.png", bone_masks(29))
    return tmp_path / "predicted" / "predictions.csv"


def test_a_table_or_its_folder_is_predictions_and_anything_else_radiographs(table, tmp_path):
    image = tmp_path / "a.png"
    capital = tmp_path / "THEIRS.CSV"
    capital.write_bytes(table.read_bytes())
    for given in (table, table.parent, capital):
        assert prediction_source([given], None).names == ["a.png"]
    assert prediction_source([image, tmp_path], None) is None
    with pytest.raises(HandboneError, match="only one folder of predictions can be measured at a time"):
        prediction_source([image, table.parent], None)
    with pytest.raises(HandboneError, match="--images can only be used with predictions"):
        prediction_source([image], tmp_path)


@pytest.mark.parametrize("errors", [(None, "a.png: is cut"), ("a.png: is cut", "b.png: is cut")])
def test_radiographs_that_cannot_be_outlined_are_listed_unless_all_fail(tmp_path, monkeypatch, table, errors):
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full(SIZE, 60, np.uint8))
    summary, asked = Summary(), []
    for name, error in zip(("a.png", "b.png"), errors, strict=True):
        summary.add(ImageRecord(name, name, error=error))

    def predict_images(images, load, results, **more):
        asked.append((images, more))
        return summary

    from handbone.method import settings
    from handbone.workflows import stored_results

    monkeypatch.setattr(predict, "predict_images", predict_images)
    monkeypatch.setattr(settings, "read_settings", lambda weights: settings.MethodSettings())
    monkeypatch.setattr("handbone.weights.find_weights", lambda weights: (tmp_path, None))
    monkeypatch.setattr(stored_results, "prediction_fingerprint", lambda weights, **more: "f")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    if all(errors):
        with pytest.raises(HandboneError, match=r"none of 2 radiographs could be segmented; the first error: a.png"):
            predicted_source(paths, table.parent, weights="w", invert="yes")
        return
    source, failed = predicted_source(paths, table.parent, weights="w", invert="yes")
    assert source.names == ["a.png"] and [(one.image, one.error) for one in failed] == [("b.png", errors[1])]
    [(images, more)] = asked
    assert images == tuple(InputImage(path.name, path) for path in paths)
    assert more["invert"] == "yes" and more["head"]["invert"] == "yes" and more["head"]["second_stage"] is False


RADIOGRAPH = Radiograph(np.zeros(SIZE, np.float32), False, 8, (0.5, 0.4), "PixelSpacing")
PLAIN = Radiograph(np.zeros(SIZE, np.float32), False, 8)
SAID = {"spacing_mm": [0.2, 0.1], "spacing_source": "PixelSpacing"}


@pytest.mark.parametrize(
    ("user", "radiograph", "recorded", "scale"),
    [
        (0.3, RADIOGRAPH, SAID, Scale.user(0.3)),
        (0.3, None, SAID, Scale.user(0.3)),
        (None, RADIOGRAPH, SAID, Scale("pixel_spacing", (0.5, 0.4))),
        # A radiograph that is at hand says what it says, and be it nothing.
        (None, PLAIN, SAID, Scale()),
        (None, None, SAID, Scale("pixel_spacing", (0.2, 0.1))),
        (None, None, {}, Scale()),
    ],
)
def test_the_scale_is_the_users_then_the_radiographs_then_what_was_recorded(user, radiograph, recorded, scale):
    assert measure._scale(user, radiograph, recorded) == scale


class Toys:
    """Masks of plain hands without radiographs, one of which cannot be read."""

    def __init__(self):
        self.names, self.recorded = ["b.png", "cut.png", "a.png"], {}
        self.again = Toys

    def image(self, name):
        if name == "cut.png":
            raise HandboneError("is cut", where=name)
        return PredictedImage(name, None, PlainHand(pixel_mm=(0.5, 0.5)).masks(), stem=name.removesuffix(".png"))

    def invert_of(self, name):
        return "auto"


def test_failures_of_outlining_and_of_measuring_stand_among_all_images_in_order(tmp_path):
    before = [MeasuredImage("ab.png", error="ab.png: no hand")]
    done = measure_images(Toys(), tmp_path, mm_per_px=0.5, failed=before, facts={"weights": "small"})
    assert [(image.image, image.error) for image in done] == [
        ("a.png", None),
        ("ab.png", "ab.png: no hand"),
        ("b.png", None),
        ("cut.png", "cut.png: is cut"),
    ]
    record = json.loads((tmp_path / "measurements.json").read_text())
    assert [image["image"] for image in record["images"]] == ["a.png", "ab.png", "b.png", "cut.png"]
    assert record["weights"] == "small" and sorted(path.name for path in (tmp_path / "lines").iterdir()) == [
        "a.png",
        "b.png",
    ]
    assert {image["scale_source"] for image in record["images"] if not image["error"]} == {"user"}


@pytest.fixture(scope="module")
def plain():
    return PlainHand(pixel_mm=(0.5, 0.25))


@pytest.mark.parametrize("name", ["rus", "svdh"])
def test_a_region_shows_its_pixels_at_the_scale_that_it_says(plain, tmp_path, name):
    masks = plain.masks()
    grey = np.add.outer(np.linspace(0, 0.5, masks.size_hw[0]), np.linspace(0, 0.5, masks.size_hw[1])).astype(np.float32)
    hand = Hand(masks, image=grey, scale=Scale("pixel_spacing", (0.25, 0.5)))
    manifest = write_regions(hand, name, tmp_path, image_name="p1/a.png")
    assert json.loads((tmp_path / MANIFEST).read_text()) == json.loads(json.dumps(manifest))
    assert (manifest["image"], manifest["set"], manifest["side"], manifest["mirrored"]) == (
        "p1/a.png",
        name,
        "right",
        False,
    )
    sites = [row for row in manifest["regions"] if row["kind"] != "hand"]
    assert len({row["file"] or row["name"] for row in sites}) == len(sites)
    for row in [row for row in sites if row["file"]][::4]:
        frame = Frame.from_json(row["frame"])
        crop = cv2.imread(str(tmp_path / row["file"]), cv2.IMREAD_UNCHANGED)
        middle = np.array([[100.0, 120.0], [101.0, 120.0], [100.0, 121.0]])
        x, y = frame.to_image(middle)[0]
        assert crop[120, 100] / 255 == pytest.approx(float(grey[round(y), round(x)]), abs=0.02)
        # A step of a pixel is as long in every direction: crops are square although the image's pixels are not.
        steps = (frame.to_image(middle)[1:] - frame.to_image(middle)[0]) * (0.5, 0.25)
        assert np.hypot(*steps.T) == pytest.approx([row["mm_per_px"]] * 2)


def test_a_region_that_is_not_seen_has_a_reason_and_no_file(plain, tmp_path):
    masks = plain.masks(without=("MC3",))
    hand = Hand(masks, image=np.full(masks.size_hw, 0.5, np.float32))
    rows = {row["name"]: row for row in write_regions(hand, "rus", tmp_path, image_name="a")["regions"]}
    assert not rows["MC3"]["file"] and "MC3" in rows["MC3"]["reason"] and rows["MC3"]["frame"] is None
    assert rows["hand"]["kind"] == "hand" and rows["hand"]["reason"] and not (tmp_path / "hand.png").exists()
    assert {path.name for path in tmp_path.glob("*.png")} == {row["file"] for row in rows.values() if row["file"]}
    assert all(row["mm_per_px"] is None for row in rows.values()), "nobody knows how large a pixel is"


def test_a_hand_of_too_few_bones_has_no_side_and_no_region(tmp_path):
    masks = BoneMasks.from_crops({0: (np.ones((5, 5), bool), (4, 4))}, SIZE)
    manifest = write_regions(Hand(masks, image=np.zeros(SIZE, np.float32)), "rus", tmp_path, image_name="a")
    assert manifest["side"] == "" and manifest["mirrored"] is False
    assert not any(row["file"] for row in manifest["regions"]) and all(row["reason"] for row in manifest["regions"])


def test_without_a_radiograph_there_is_nothing_to_crop(plain, tmp_path):
    with pytest.raises(HandboneError, match="there is no radiograph to crop; give the folder"):
        write_regions(Hand(plain.masks()), "rus", tmp_path / "rois", image_name="a.png")
    assert not (tmp_path / "rois").exists()
