"""A gate that was calibrated on validation images decides in none of a patient that it knows, and this is said."""

import json

import pandas as pd
import pytest
from weights_small import save

from handbone.anatomy import COUNT
from handbone.data.dataset import open_dataset
from handbone.method.calibration.calibrate import Calibration, Learned
from handbone.method.calibration.gate import Gate
from handbone.method.settings import read_settings
from handbone.recipe.schema import Data, Recipe
from handbone.runs.context import Context
from handbone.runs.folder import RunFolder
from handbone.runs.steps.evaluate import evaluate
from handbone.runs.steps.predict import predict_images

pytestmark = pytest.mark.usefixtures("one_thread")


def gate(limit):
    """It gives every mask the same chance of degradation, .5."""
    return Gate(coefficients=(0.0,) * (5 + COUNT), threshold=limit, images=12)


@pytest.fixture
def context(contest, tmp_path):
    """A run up to its calibration: two folds of the validation patients, of which the second one has a shut gate."""
    dataset = open_dataset(Data(path=str(contest), layout="contest"))
    recipe = Recipe(
        name="r",
        data={"path": str(contest)},
        predict={"threshold": 0.45},
        merge={"gate": "calibrated", "min_agreement": 0.0, "area_ratio": [0.0, 1e9], "max_shift": 1e9},
        evaluate={"nsd_tolerances_px": []},
    )
    folder = RunFolder(tmp_path / "run")
    labelled = dataset.labelled()
    patients = list(dict.fromkeys(sample.patient_id for sample in labelled))
    parts = {"train": [], "validation": [sample.name for sample in labelled], "test": []}
    learned = Calibration(
        final=Learned(gate=gate(0.9)),
        folds=(Learned(gate=gate(0.9)), Learned(gate=gate(0.1))),
        fold_of={patient_id: number % 2 for number, patient_id in enumerate(patients)},
    )
    for step, files in {
        "images": {"splits.json": parts, "problems.json": []},
        "calibration": {"calibration.json": learned.model_dump(mode="json")},
    }.items():
        folder.step(step).mkdir(parents=True)
        for name, value in files.items():
            (folder.step(step) / name).write_text(json.dumps(value))
    save(folder.step("coarse") / "weights.safetensors", "coarse", logit=0.3)
    save(folder.step("refiner") / "weights.safetensors", "refiner", seed=1, logit=0.3)
    return Context(recipe, folder, False, dataset)


@pytest.mark.slow
def test_no_gate_decides_in_an_image_of_a_patient_that_it_knows(context, tmp_path):
    predictions = context.folder.step("predictions")
    predict_images(context, predictions)
    folds = {}
    for sample in context.predicted:
        record = json.loads((predictions / "images" / f"{sample.name}.json").read_text())
        folds[sample.name] = record["gate_fold"]
        judged = [d for d in record["decisions"] if d["degradation"] is not None]
        assert judged, "the gate was asked"
        assert all(d["used"] is (record["gate_fold"] == 0) for d in judged)
    assert set(folds.values()) == {0, 1}
    card = read_settings(predictions / "weights")
    assert card.refiner.gate == gate(0.9) and card.threshold == 0.45, "others get the gate that knows all patients"

    (evaluation := tmp_path / "evaluation").mkdir()
    evaluate(context, evaluation)
    rows = pd.read_csv(evaluation / "metrics.csv")
    assert rows.groupby("image_name")["gate_fold"].first().to_dict() == folds
    assert "nested folds by patient" in json.loads((evaluation / "basis.json").read_text())
