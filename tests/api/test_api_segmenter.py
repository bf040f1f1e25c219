"""`handbone.load` and `Segmenter`: what goes in, and what becomes of images that fail."""

import cv2
import numpy as np
import pytest
from cli_small import draw_image
from stages_hands import DiscReader, disc_image, hand_points

import handbone
from handbone import HandboneError
from handbone.core.errors import ShapeError
from handbone.core.radiograph import Radiograph
from handbone.formats.image_files import read_image
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage, TwoStage


@pytest.mark.parametrize("kind", ["path", "text", "array", "sixteen bits", "float", "colour", "radiograph"])
def test_the_same_values_give_the_same_masks_however_they_come(segmenter, tmp_path, kind):
    path = draw_image(tmp_path / "hand.png")
    grey = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    given = {
        "path": path,
        "text": str(path),
        "array": grey,
        "sixteen bits": 100 + grey.astype(np.uint16) * 7,
        "float": grey / 31,
        "colour": np.repeat(grey[..., None], 3, axis=2),
        "radiograph": handbone.read_radiograph(path),
    }
    expected, prediction = segmenter.predict(path), segmenter.predict(given[kind])
    assert prediction.masks == expected.masks and prediction.masks.present().any()
    assert prediction.probabilities == expected.probabilities and prediction.confidence == expected.confidence
    is_file = kind in ("path", "text")
    assert (prediction.name, prediction.path) == (("hand.png", path) if is_file else ("image", None))
    assert segmenter.predict(given[kind], name="mine").name == "mine"


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.zeros((2, 30, 20)), ShapeError),
        (np.zeros((30, 20, 3), np.uint16), ShapeError),
        (np.zeros((0, 20)), ShapeError),
        (np.zeros((30, 20), bool), HandboneError),
        (np.zeros((30, 20), complex), HandboneError),
    ],
)
def test_arrays_that_are_no_radiograph_are_refused(array, error):
    with pytest.raises(error, match="a radiograph"):
        handbone.read_radiograph(array)


def test_brightness_is_turned_as_asked(weights, tmp_path):
    path = draw_image(tmp_path / "dark.png")
    cv2.imwrite(str(path), 255 - cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
    for image in (path, cv2.imread(str(path), cv2.IMREAD_UNCHANGED), handbone.read_radiograph(path)):
        for invert in ("yes", "no"):
            read = handbone.load(weights, invert=invert, device="cpu").predict(image).radiograph
            assert read.inverted == (invert == "yes")
            assert np.allclose(read.image, read_image(path, invert=invert).image, atol=1e-4)


def test_options_are_those_of_the_weights_unless_given(weights, segmenter, tmp_path):
    assert (segmenter.threshold, segmenter.invert) == (0.5, "auto")
    wide = handbone.load(weights, threshold=0.45, device="cpu")
    path = draw_image(tmp_path / "a.png")
    low, high = wide.predict(path).masks, segmenter.predict(path).masks
    assert wide.threshold == 0.45 and (low.areas() >= high.areas()).all() and low != high
    assert repr(wide) == f"Segmenter({str(weights)!r}, threshold=0.45, invert='auto')"
    assert str(segmenter.method.coarse_stage.predictor.device) == "cpu"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": "no_such_weights"}, "no_such_weights"),
        ({"device": "cuda:77"}, "'cuda:77' cannot be used"),
        ({"device": "gpu"}, "'gpu' cannot be used"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"mm_per_px": 0.0}, "0.0 mm"),
        ({"invert": "maybe"}, "'maybe'"),
        ({"flip_tta": 3}, "flip_tta cannot be 3"),
        ({"views": "turned"}, r"give a list, such as \['turned'\]"),
        ({"views": ["tuned"]}, "did you mean 'turned'"),
        ({"runtime": "tf"}, "the runtime cannot be 'tf'"),
        ({"runtime": "onnx"}, "export-model"),
    ],
)
def test_wrong_options_are_explained(weights, options, words):
    with pytest.raises(HandboneError, match=words):
        handbone.load(**{"weights": weights, **options})


def test_a_missing_file_is_an_error_in_one_sentence(segmenter):
    with pytest.raises(HandboneError, match=r"nowhere\.png: cannot be read"):
        segmenter.predict("nowhere.png")


def test_many_images_go_on_past_one_that_fails(segmenter, images):
    failed = []
    found = list(segmenter.predict_many(images, on_error=failed.append))
    assert [prediction.name for prediction in found] == ["a.jpg", "a.png", "more/b.tif"]
    assert all(prediction.masks == segmenter.predict(images / prediction.name).masks for prediction in found)
    assert [(failure.name, failure.path) for failure in failed] == [("cut.png", images / "cut.png")]
    assert isinstance(failed[0].error, HandboneError) and str(failed[0]) == str(failed[0].error)


def test_by_default_a_failure_is_a_warning_at_the_callers_line(segmenter, images):
    with pytest.warns(UserWarning, match=r"left out: .*cut\.png") as warned:
        assert len(list(segmenter.predict_many([images / "a.png", images / "cut.png"]))) == 1
    assert [warning.filename for warning in warned] == [__file__]


def test_who_raises_ends_the_loop_and_errors_nobody_foresaw_are_failures_too(segmenter, images, monkeypatch):
    def stop(failure):
        raise failure.error

    with pytest.raises(HandboneError, match=r"cut\.png"):
        list(segmenter.predict_many(images, on_error=stop))

    def broken(method, image):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(TwoStage, "predict", broken)
    failed = []
    assert not list(segmenter.predict_many(images / "a.png", on_error=failed.append))
    assert str(failed[0]) == f"{images / 'a.png'}: ZeroDivisionError: by zero"


def test_images_are_read_one_by_one_as_they_are_asked_for(segmenter, images):
    failed = []
    stream = segmenter.predict_many(images, on_error=failed.append)
    assert next(stream).name == "a.jpg"
    (images / "a.png").unlink()
    assert next(stream).name == "more/b.tif"
    assert [failure.name for failure in failed] == ["a.png", "cut.png"]


def test_a_wrong_path_is_said_at_once(segmenter, tmp_path):
    with pytest.raises(HandboneError, match="no such file"):
        segmenter.predict_many(tmp_path / "nowhere")


def test_several_hands_of_one_image(tmp_path, monkeypatch):
    def one(unit, radius, **more):
        points = hand_points(unit=unit, at=np.array([230.0, 330.0]), noise=0.0, **more)
        return disc_image(points, (500, 460), radius)[0]

    image = np.hstack([one(120.0, 7), one(100.0, 5, mirrored=True)])
    # Read as it is: the reader knows bones by their greys.
    monkeypatch.setattr("handbone.api.segmenter.read_radiograph", lambda *_, **__: Radiograph(image, False, 16))
    draw_image(tmp_path / "two.png")
    method = TwoStage(Stage(DiscReader(), 512), settings=MethodSettings(find_hand=512, postprocess=True))
    segmenter = handbone.Segmenter(method, "discs")
    alone, both = segmenter.predict(tmp_path / "two.png"), segmenter.predict_hands(tmp_path / "two.png")
    assert [hand.name for hand in both] == ["two.png#1", "two.png#2"] and alone.name == "two.png"
    assert {flag.rule for flag in alone.flags} >= {"second-hand"}
    middles = [np.nanmean(hand.masks.centroids_xy()[:, 0]) for hand in both]
    assert middles[0] < 460 < middles[1]
    assert [hand.name for hand in segmenter.predict_many(tmp_path, hands="all")] == ["two.png#1", "two.png#2"]
    assert {hand.path for hand in both} == {tmp_path / "two.png"}


def test_a_run_is_that_of_the_command(monkeypatch, tmp_path):
    class Run:
        def execute(self):
            return "result"

    asked = []
    monkeypatch.setattr("handbone.runs.engine.open_run", lambda *given: asked.append(given) or Run())
    assert handbone.run("tiny", overrides=["seed=3"], output=str(tmp_path)) == "result"
    assert asked == [("tiny", ["seed=3"], tmp_path)]
