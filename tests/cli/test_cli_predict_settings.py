"""`handbone predict` uses weights as their card says, threshold included, unless it is told otherwise."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner
from weights_small import save

from handbone.cli import predict
from handbone.method.settings import MethodSettings

app = typer.Typer()
app.command()(predict.command)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Weights that were calibrated at .35, the same at .5, and one radiograph."""
    folder = tmp_path_factory.mktemp("home")
    for name, threshold in (("low", 0.35), ("half", 0.5)):
        settings = MethodSettings(threshold=threshold, invert="yes", flip_tta=True)
        # The probability of a pixel is about .43.
        save(folder / name / "coarse.safetensors", "coarse", method=settings, logit=-0.3)
    grey = cv2.GaussianBlur(np.random.default_rng(0).random((150, 110), np.float32), (0, 0), 9)
    cv2.imwrite(str(folder / "a.png"), (200 * cv2.normalize(grey, None, 0, 1, cv2.NORM_MINMAX)).astype(np.uint8))
    return folder


def outlined(home, weights, out, *options):
    words = [home / "a.png", "-w", home / weights, "-o", out, *options]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return pd.read_csv(out / "predictions.csv"), json.loads((out / "predictions.json").read_text())


def test_a_run_that_was_calibrated_at_35_percent_is_applied_at_35_percent(home, tmp_path):
    low, record = outlined(home, "low", tmp_path / "low")
    half, other = outlined(home, "half", tmp_path / "half")
    assert (record["threshold"], other["threshold"]) == (0.35, 0.5) and not low.equals(half)
    told, record = outlined(home, "low", tmp_path / "told", "--threshold", "0.5")
    assert record["threshold"] == 0.5 and told.equals(half)
    back, _ = outlined(home, "half", tmp_path / "back", "--threshold", "0.35")
    assert back.equals(low)


def test_how_a_radiograph_is_read_is_in_the_card_too(home, tmp_path):
    _, record = outlined(home, "half", tmp_path / "as")
    assert record["invert"] == "yes" and record["images"][0]["inverted"] and record["flip_tta"]
    _, record = outlined(home, "half", tmp_path / "no", "--invert", "no", "--no-flip-tta")
    assert record["invert"] == "no" and not record["images"][0]["inverted"] and not record["flip_tta"]
