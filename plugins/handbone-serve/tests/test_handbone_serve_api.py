"""The API with real weights: a radiograph in, bones, flags, measurements and masks out; and as its OpenAPI says."""

import io
import zipfile

import handbone_serve
import numpy as np
import pytest
from handbone_serve.work import Outliner
from PIL import Image
from servers import HEADERS, Scripted, ended, hand_in, png, served

from handbone.core.bone_masks import BoneMasks
from handbone.formats.contest_csv import read_predictions
from handbone.plugin_kit.contracts import CommandContract


class TestServe(CommandContract):
    plugin = handbone_serve
    name = "serve"


@pytest.fixture(scope="module")
def outliner():
    return Outliner("zero_shot", max_pixels=4_000_000)


@pytest.fixture(scope="module")
def client(outliner, tmp_path_factory):
    with served(tmp_path_factory.mktemp("serve"), outliner, max_bytes=5_000_000) as client:
        yield client


@pytest.fixture(scope="module")
def hand(client, tiny_hand):
    return ended(client, hand_in(client, "Hände/../my hand.png", png(tiny_hand.image)).json()["id"])


def test_a_radiograph_is_outlined_measured_and_told(hand, client):
    assert (hand["name"], hand["state"], hand["error"]) == ("my hand.png", "done", None)
    (one,) = hand["hands"]
    assert one["name"] == "my hand.png" and one["size_hw"] == [256, 256] and one["outcome"] == "outlined"
    assert len(one["confidence"]) > 20 and len(one["measurements"]) > 50
    (card,) = client.get(f"/api/images/{hand['id']}/cards").json()
    assert "data:image/jpeg;base64," in card and 'data-name="my hand.png"' in card


def test_masks_come_in_every_format_that_is_registered(hand, client, tiny_hand, tmp_path):
    formats = [each["name"] for each in client.get("/api/formats").json()]
    assert {"coco", "contest_csv", "png"} <= set(formats)
    for name in formats:
        answer = client.get(f"/api/images/{hand['id']}/masks/{name}")
        # A plugin's format may refuse what is not its own, such as DICOM SEG of a PNG.
        assert answer.status_code == 200 or (answer.status_code == 422 and name not in ("coco", "contest_csv", "png"))
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/images/{hand['id']}/masks/contest_csv").content)) as archive:
        archive.extractall(tmp_path)
    (table,) = tmp_path.rglob("predictions.csv")
    ((name, cells),) = read_predictions(table)
    found = BoneMasks.from_rle(cells, (256, 256)).dense()
    both = np.logical_and(found, tiny_hand.masks.dense()).sum()
    assert name == "my hand.png" and 2 * both / (found.sum() + tiny_hand.masks.areas().sum()) > 0.8


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("text.png", b"not an image", "text.png"),
        ("empty.png", b"", "empty.png"),
        ("notes.txt", b"hello", "text file"),
        ("large.png", png(np.zeros((2500, 2500), np.float32)), "at most 4 million"),
    ],
)
def test_what_is_no_radiograph_fails_with_a_sentence(name, content, why, client):
    image = ended(client, hand_in(client, name, content).json()["id"])
    assert image["state"] == "failed" and why in image["error"] and "/tmp" not in image["error"]
    assert image["hands"] == []


def test_an_image_without_a_hand_says_so_and_has_no_masks(client):
    image = ended(client, hand_in(client, "flat.png", png(np.full((128, 128), 0.5, np.float32))).json()["id"])
    assert image["state"] == "done" and [hand["outcome"] for hand in image["hands"]] == ["no_hand"]
    assert image["hands"][0]["flags"][0]["rule"] == "no-hand"
    answer = client.get(f"/api/images/{image['id']}/masks/png")
    assert answer.status_code == 422 and "no masks" in answer.json()["detail"]


def test_a_mask_that_is_handed_in_is_outlined_like_a_file_that_is_given_to_predict(client):
    mask = np.zeros((128, 96), np.uint8)
    mask[30:90, 20:70] = 255
    buffer = io.BytesIO()
    Image.fromarray(mask).convert("1").save(buffer, "PNG")
    image = ended(client, hand_in(client, "mask.png", buffer.getvalue()).json()["id"])
    assert image["state"] == "done" and [hand["name"] for hand in image["hands"]] == ["mask.png"]


def test_unknown_radiographs_and_formats_are_not_found(hand, client):
    for path in ("/api/images/none", "/api/images/none/masks/png", f"/api/images/{hand['id']}/masks/../../x", "/api/x"):
        assert client.get(path).status_code == 404
    assert client.delete("/api/images/none").status_code == 404


def test_two_hands_are_two_cards(client, tiny_hand):
    image = np.hstack([tiny_hand.image, tiny_hand.image[:, ::-1]])
    result = ended(client, hand_in(client, "both.png", png(image)).json()["id"])
    assert [hand["name"] for hand in result["hands"]] == ["both.png#1", "both.png#2"]
    assert len(client.get(f"/api/images/{result['id']}/cards").json()) == 2
    assert all(hand["measurements"] for hand in result["hands"])


def test_it_answers_anything_as_its_openapi_description_says(tmp_path, monkeypatch):
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, given, settings

    monkeypatch.setattr("handbone_serve.work.measure", lambda folder: [])
    with served(tmp_path, Scripted()) as client:
        schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
        operations = [found.ok() for found in schema.get_all_operations() if found.ok().path != "/api/events"]
        assert len(operations) == 6
        for operation in operations:

            @settings(
                max_examples=6, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
            )
            @given(case=operation.as_strategy())
            def check(case):
                case.call_and_validate(headers=HEADERS, base_url="http://testserver")

            check()
