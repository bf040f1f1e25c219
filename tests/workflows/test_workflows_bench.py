"""What `handbone bench` measures and recommends."""

import json

import cv2
import numpy as np
import pytest
from json_docs import undocumented
from typer.testing import CliRunner
from weights_small import write_run
from without_torch import TRAINING, without, without_torch

from handbone.cli import app
from handbone.core.errors import HandboneError
from handbone.synthetic import draw_hand
from handbone.workflows import bench as package
from handbone.workflows.bench.bench import bench, commands, machine, recommendation
from handbone.workflows.bench.case import Case, Measured, measure
from handbone.workflows.export_model import export_model, parity


def case(runtime, seconds, precision="32", threads=1, **more):
    return Measured(runtime, precision, threads, image_seconds=seconds, pass_seconds={"1": 0.1, "4": 0.1}, **more)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    write_run(folder / "run", refiner=False)
    cv2.imwrite(str(folder / "hand.png"), draw_hand(1, size=128).image)
    return folder


def test_the_fastest_is_recommended_and_how_to_get_it():
    said = recommendation([case("torch", 1.5), case("torch", 1.0, "bf16", 2), case("openvino", 0.4, "bf16", 2)])
    assert said.startswith("openvino in bfloat16 with 2 threads: 0.40 s a radiograph, 2.5 times as fast as torch")
    assert recommendation([case("onnx", 0.4), case("openvino", 0.5)]).startswith("onnx in float32 with 1 thread: 0.40")


def test_what_to_type_is_said_with_as_many_workers_as_gain():
    cases = [case("torch", 1.5), case("openvino", 0.6, "bf16", 1), case("openvino", 0.4, "bf16", 4)]
    assert commands(cases, "my run", 4) == (
        "handbone export-model 'my run' -o net --format openvino",
        "handbone predict FOLDER --weights net --workers 4",
    )
    slow = [case("openvino", 0.6, "bf16", 1), case("openvino", 0.1, "bf16", 4)]
    assert commands(slow, "exported", 4, "openvino") == ("handbone predict FOLDER --weights exported",)
    other = ("handbone predict FOLDER --weights exported --runtime openvino",)
    assert commands(slow, "exported", 4, "onnx") == other  # ONNX Runtime would take them by itself
    assert commands([case("torch", 1.5)], "my run", 1) == ("handbone predict FOLDER --weights 'my run'",)
    assert machine().endswith("Linux") and len(machine()) > 10


def test_a_runtime_that_gains_nearly_nothing_is_not():
    assert (
        recommendation([case("torch", 1.0), case("onnx", 0.95)])
        == "torch in float32 with 1 thread: 1.00 s a radiograph"
    )


def test_what_failed_is_not_recommended():
    failed = Measured("openvino", "32", 1, error="no such thing")
    assert recommendation([failed, case("torch", 1.0)]).startswith("torch")
    with pytest.raises(HandboneError, match="nothing could be measured"):
        recommendation([failed])


def test_a_case_says_why_it_has_no_result(home):
    gone = measure(Case("torch", "32", 1, str(home / "nowhere"), str(home / "hand.png"), 1))
    assert "nowhere: no such file or folder" in gone.error and gone.image_seconds == 0


@pytest.mark.slow
def test_each_way_is_measured_in_a_process_of_its_own(home):
    found = bench(str(home / "run"), home / "hand.png", threads=[1], repeats=1)
    ways = {(each.runtime, each.precision) for each in found.cases}
    assert ways == {("torch", "32"), ("torch", "bf16"), ("onnx", "32"), ("openvino", "32"), ("openvino", "bf16")}
    for each in found.cases:
        assert each.error is None and each.image_seconds > 0 and each.pass_seconds.keys() == {"1", "4"}
        assert each.start_seconds > each.image_seconds and 50 < each.memory_mb < 4000
    memory = {each.runtime: each.memory_mb for each in found.cases}
    assert memory["onnx"] < memory["torch"]


@pytest.fixture(scope="module")
def exported(home):
    """Networks in the format of ONNX."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "images", lambda: [np.zeros((64, 64), np.float32)])
        export_model(home / "run", home / "net")
    return "net"


@pytest.mark.slow
def test_exported_networks_are_measured_without_torch(home, exported):
    done = without_torch("bench", "hand.png", "-w", exported, "--threads", "1", "--repeats", "1", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ways = {(each["runtime"], each["precision"]): each for each in found["cases"]}
    assert ways.keys() == {("onnx", "32"), ("openvino", "32"), ("openvino", "bf16")}
    assert all(each["error"] is None and each["image_seconds"] > 0 for each in ways.values())
    assert found["commands"] and not any("export-model" in line for line in found["commands"])


@pytest.mark.slow
def test_a_runtime_that_is_missing_is_named_before_any_work(home, exported):
    for absent, weights, remedy in (
        (TRAINING, "run", "pip install 'handbone[train,onnx,openvino]', or give networks that handbone export-model"),
        (("onnxruntime", "openvino"), exported, "pip install 'handbone[predict]'"),
    ):
        done = without(absent, "bench", "-w", weights, cwd=home)
        assert done.returncode == 1 and remedy in " ".join(done.stderr.split()), done.stderr


def test_the_command_prints_a_table_or_json_as_documented(home, monkeypatch, read_json):
    cases = (case("torch", 1.5, memory_mb=800.0), case("onnx", 1.0))
    made = package.Bench(
        "run", "a processor, Linux", 2, "hand.png of 9 x 8 pixels", cases, recommendation(cases), ("handbone predict",)
    )
    monkeypatch.setattr(package, "bench", lambda *_, **__: made)
    shown = CliRunner().invoke(app, ["bench", "-w", "run"])
    assert shown.exit_code == 0 and "800" in shown.stdout and "  handbone predict\n" in shown.stdout
    assert "a processor, Linux, 2 cores; hand.png of 9 x 8 pixels; weights run\n" in shown.stdout
    assert "1.5 times as fast as torch" in shown.stdout
    value = read_json(CliRunner().invoke(app, ["bench", "-w", "run", "--json"]).stdout)
    assert undocumented(value) == [] and value["cases"][1]["image_seconds"] == 1.0
    failed = package.Bench("run", "x", 2, "y", (*cases, Measured("openvino", "32", 1, error="no such thing")), "torch")
    monkeypatch.setattr(package, "bench", lambda *_, **__: failed)
    shown = CliRunner().invoke(app, ["bench", "-w", "run"])
    assert shown.exit_code == 1 and "openvino 32: no such thing" in shown.stdout
    assert json.loads(CliRunner().invoke(app, ["bench", "-w", "run", "--json"]).stdout)["cases"][2]["error"]
