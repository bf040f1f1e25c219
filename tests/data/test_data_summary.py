"""The tables of a data set's summary are those of its masks: areas, overlaps, patients, outliers."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from data_toys import toy_hand, write_hand

from handbone.anatomy import INDEX, NAMES
from handbone.core.errors import HandboneError
from handbone.data import summary_charts
from handbone.data.cache import ImageCache
from handbone.data.dataset import open_dataset
from handbone.data.summary import OUTLIER_Z, summarise
from handbone.data.summary_page import write_summary
from handbone.recipe.schema import Data

PNG, JPEG = b"\x89PNG", b"\xff\xd8\xff"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three patients with both hands, one of them bent, one with a shrunken Lunate; one image for test alone."""
    root = tmp_path_factory.mktemp("set")
    for number in range(1, 4):
        for side, mirrored in (("R", False), ("L", True)):
            hand = toy_hand(mirrored=mirrored, bend=40.0 if number == 3 else 2.0)
            if (number, side) == (2, "R"):
                centre = hand["Lunate"].mean(0)
                hand["Lunate"] = (hand["Lunate"] - centre) * 0.4 + centre
            write_hand(root, "train", f"ID{number:03}", f"image{number}_{side}", list(hand.items()))
    write_hand(root, "test", "ID009", "image9", labelled=False)
    return root


@pytest.fixture(scope="module")
def dataset(root):
    return open_dataset(Data(path=str(root)))


@pytest.fixture(scope="module")
def summary(dataset):
    return summarise(dataset)


def test_every_image_has_a_row_with_what_its_labels_show(dataset, summary):
    images = summary.images.set_index("image_name")
    assert set(images.index) == {sample.name for sample in dataset.samples} and len(images) == 7
    assert set(images["width"]) == set(images["height"]) == {256}
    assert images.loc["image9.png", "split"] == "test" and pd.isna(images.loc["image9.png", "bones"])
    assert images.loc["image1_R.png", "bones"] == 29 and images.loc["image1_R.png", "thumb"] == "left"
    assert images.loc["image1_L.png", "thumb"] == "right"
    assert dict(images["pose"].dropna().value_counts()) == {"straight": 4, "bent": 2}


def test_areas_are_those_of_the_masks(dataset, summary):
    sample = next(s for s in dataset.samples if s.name == "image1_R.png")
    areas = dataset.labels(sample).masks().areas()
    told = summary.areas[summary.areas["image_name"] == sample.name].set_index("bone")["area"]
    assert [told[name] for name in NAMES] == areas.tolist()


def test_bones_have_quartiles_and_count_their_outliers(summary):
    bones = summary.bones().set_index("bone")
    assert list(bones.index) == list(NAMES) and set(bones["hands"]) == {6}
    lunate = summary.areas.loc[summary.areas["bone"] == "Lunate", "area"]
    assert (
        bones.loc["Lunate", ["area_q25", "area", "area_q75"]].tolist() == np.percentile(lunate, [25, 50, 75]).tolist()
    )
    assert bones["outliers"].sum() == bones.loc["Lunate", "outliers"] == 1


def test_outliers_are_those_beyond_the_limit_and_the_farthest_is_first(summary):
    outliers = summary.outliers()
    assert outliers[["image_name", "bone"]].to_numpy().tolist() == [["image2_R.png", "Lunate"]]
    assert outliers["z"].iloc[0] < -OUTLIER_Z
    at_limit = summary.areas.assign(z=0.0)
    at_limit.loc[[3, 5, 8], "z"] = [OUTLIER_Z, -5.0, OUTLIER_Z - 1e-9]
    assert type(summary)(**{**vars(summary), "areas": at_limit}).outliers()["z"].tolist() == [-5.0, OUTLIER_Z]


def test_overlaps_are_shares_of_the_smaller_bone_and_the_largest_is_first(dataset, summary):
    top = summary.overlaps.iloc[0]
    shares = []
    for sample in dataset.labelled():
        masks = dataset.labels(sample).masks()
        a, b = masks.mask(INDEX[top["bone"]]), masks.mask(INDEX[top["other"]])
        shares.append((a & b).sum() / min(a.sum(), b.sum()))
    assert top["overlap"] == pytest.approx(np.mean(shares))
    assert top["hands"] == pytest.approx(np.mean(np.array(shares) > 0))
    assert summary.overlaps["overlap"].is_monotonic_decreasing
    assert all(INDEX[row.bone] < INDEX[row.other] for row in summary.overlaps.itertuples())


def test_a_patient_s_two_hands_are_compared(summary):
    patients = summary.patients.set_index("patient_id")
    one = patients.loc["ID001"]
    assert (one["images"], one["first"], one["second"], one["thumbs"]) == (
        *(2, "image1_L.png", "image1_R.png", "right, left"),
    )
    assert one["size_ratio"] == pytest.approx(1, abs=0.02) and patients.loc["ID003", "bend_first"] > 25
    assert pd.isna(patients.loc["ID009", "first"]) and patients.loc["ID009", "split"] == "test"


def test_an_image_that_cannot_be_read_is_left_out_with_its_reason(root, tmp_path):
    for path in sorted(root.rglob("*")):
        if path.is_file():
            target = tmp_path / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    broken = tmp_path / "train/outputs_json/ID001/image1_R.json"
    broken.write_text(json.dumps({"annotations": []}))
    found = summarise(open_dataset(Data(path=str(tmp_path))))
    assert [finding.rule for finding in found.left_out] == ["unreadable"] and len(found.images) == 6
    assert "image1_R" in found.left_out[0].message and found.left_out[0].remedy


def test_images_without_any_label_are_a_summary_too(tmp_path):
    write_hand(tmp_path, "x", "p", "a", labelled=False)
    found = summarise(open_dataset(Data(path=str(tmp_path))))
    assert len(found.images) == 1 and found.bones().empty and found.outliers().empty and found.overlaps.empty


def test_the_page_and_its_tables_hold_what_the_summary_holds(summary, dataset, tmp_path):
    page = write_summary(summary, dataset, tmp_path / "out", ImageCache(tmp_path / "cache"))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert page == tmp_path / "out" / "summary.html" and {"bones.csv", "patients.csv", "images.csv"} <= names
    assert "outlier-image2_R.jpg" in names and "hand-image3_L.jpg" in names
    text = page.read_text("utf-8")
    assert "image2_R.png: Lunate z -" in text and "ID003: image3_L.png, bend " in text
    assert all(
        (tmp_path / "out" / f"{name}.png").read_bytes().startswith(PNG) for name in ("areas", "pose", "overlaps")
    )
    assert len(pd.read_csv(tmp_path / "out" / "images.csv")) == len(summary.images)
    assert pd.read_csv(tmp_path / "out" / "bones.csv")["bone"].tolist() == list(NAMES)
    with pytest.raises(HandboneError, match="the folder already exists") as error:
        write_summary(summary, dataset, tmp_path / "out", ImageCache(tmp_path / "cache"))
    assert error.value.remedy


def test_a_page_of_images_without_labels_has_no_chart(tmp_path):
    write_hand(tmp_path / "set", "x", "p", "a", labelled=False)
    dataset = open_dataset(Data(path=str(tmp_path / "set")))
    write_summary(summarise(dataset), dataset, tmp_path / "out", ImageCache(tmp_path / "cache"))
    assert not list((tmp_path / "out").glob("*.png")) and (tmp_path / "out" / "summary.html").exists()


def test_a_chart_of_poses_is_an_image_also_without_any(summary):
    none = type(summary)(**{**vars(summary), "images": summary.images.assign(bend_degrees=np.nan)})
    assert summary_charts.pose_chart(none).startswith(PNG)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("marked", [None, {INDEX["Lunate"]: "Lunate z -5.0"}, {}])
def test_a_hand_is_drawn_at_its_height_in_colours_of_its_bones(dtype, marked):
    polygons = {INDEX[name]: [points.astype(np.float32)] for name, points in toy_hand().items()}
    values = np.full((256, 256), 40 * (1 if dtype == np.uint8 else 257), dtype)
    data = summary_charts.hand_image(values, polygons, marked=marked)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert data.startswith(JPEG) and image.shape[0] == image.shape[1]
    assert abs(int(np.median(image)) - 40) <= 2, "16 bits are shown as their upper 8"
    coloured = (np.ptp(image.astype(int), axis=2) > 30).sum()
    assert (coloured < 10) if marked == {} else coloured > 20
