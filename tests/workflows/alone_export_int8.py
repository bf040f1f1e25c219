"""Exports in 8-bit integers: quantised as told, judged by the ground truth, and refused where they lose too much."""

from dataclasses import replace

import numpy as np
import openvino
import pytest
from json_docs import undocumented
from torch import nn
from weights_small import write_run

from handbone.core.errors import HandboneError
from handbone.method.two_stage import TwoStage
from handbone.synthetic import draw_hand
from handbone.weights.exported import Int8
from handbone.workflows.export_model import export_model, parity, quantised
from handbone.workflows.export_model.formats import write_network
from handbone.workflows.export_model.int8 import quantise


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"), refiner=False)


@pytest.fixture(scope="module")
def image():
    return draw_hand(1, size=256).image.astype("float32") / 255


@pytest.fixture(autouse=True)
def few_hands(monkeypatch, image):
    monkeypatch.setattr(parity, "images", lambda: [image])
    monkeypatch.setattr(quantised, "CALIBRATION", range(2))
    monkeypatch.setattr(quantised, "JUDGED", range(10, 12))
    monkeypatch.setattr(quantised, "_IMAGE_SIDE", 256)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("int8") / "net"


@pytest.fixture
def card(run, folder):
    if folder.exists():
        return quantised.read_export_card(folder)
    return export_model(run, folder, format="openvino", precision="int8")


def test_the_card_says_what_was_measured_and_on_which_hands(card):
    assert card.precision == "int8" and card.versions.keys() >= {"nncf", "openvino", "torch"}
    assert card.int8.calibration_seeds == (0, 1) and card.int8.judged_seeds == (10, 11)
    for means in (card.int8.dice_float32, card.int8.dice_int8, card.int8.agreement):
        assert means.keys() == {"all", "carpals"} and all(0 <= mean <= 1 for mean in means.values())
    assert card.networks["coarse"].parity.max_difference > 0
    assert undocumented(card.model_dump(mode="json", by_alias=True)) == []


def test_convolutions_multiply_integers_but_the_first_the_last_three_and_those_of_single_channels(tmp_path):
    def layers(channels):
        depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        return depthwise, nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU()

    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), *layers(16), *layers(16), *layers(16), *layers(16)
    )
    write_network(network, tmp_path, "small", (1, 1, 32, 32), "openvino")
    rng = np.random.default_rng(0)
    quantise(tmp_path / "small.xml", [rng.random((1, 1, 32, 32), np.float32) for _ in range(4)])
    model = openvino.Core().read_model(tmp_path / "small.xml")
    convolutions = [each for each in model.get_ordered_ops() if each.get_type_name().endswith("Convolution")]
    # Weights in float are constants; those of integers are scaled back.
    whole = [each.input_value(1).get_node().get_type_name() == "Multiply" for each in convolutions]
    single = [each.get_type_name() == "GroupConvolution" for each in convolutions]
    assert single == [False, *[True, False] * 4]
    assert whole == [False, False, True, False, True, False, False, False, False]


def test_the_whole_method_runs_on_them(card, folder, image):
    outcome = TwoStage.from_path(folder, threads=1).predict(image)
    assert outcome.final.size_hw == image.shape


def test_what_loses_too_much_is_refused_and_nothing_is_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(quantised, "MOST_LOST", -1.0)
    with pytest.raises(HandboneError, match="8-bit integers lose more than"):
        export_model(run, tmp_path / "out", format="openvino", precision="int8")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("before", "after", "refused"), [(0.95, 0.9481, False), (0.95, 0.9479, True)])
def test_carpals_alone_may_not_lose_it_either(before, after, refused):
    known = {"calibration_seeds": (1,), "judged_seeds": (2,), "agreement": {"all": 1.0, "carpals": 1.0}}
    means = {"dice_float32": {"all": 0.97, "carpals": before}, "dice_int8": {"all": 0.97, "carpals": after}}
    found = Int8(**known, **means)
    if refused:
        with pytest.raises(HandboneError, match=r"0\.9479 instead of 0\.9500, carpals bones"):
            quantised.refuse_if_lost(found)
    else:
        quantised.refuse_if_lost(found)


def test_other_formats_and_a_missing_quantiser_are_refused_before_the_work(run, tmp_path, monkeypatch):
    with pytest.raises(HandboneError, match="add --format openvino"):
        export_model(run, tmp_path / "out", precision="int8")
    monkeypatch.setattr(quantised, "find_spec", lambda name: None)
    with pytest.raises(HandboneError, match=r"pip install 'handbone\[int8\]'"):
        export_model(run, tmp_path / "out", format="openvino", precision="int8")


def test_synthetic_hands_are_what_predict_reads_from_a_file():
    hand = draw_hand(3, size=128)
    dark = replace(hand, image=200 - (hand.image * 0.6).astype(np.uint8))
    assert np.abs(quantised._grey(hand) - quantised._grey(dark)).max() < 0.02, "bones bright, over the whole range"
