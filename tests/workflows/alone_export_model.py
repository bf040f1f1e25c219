"""Exported networks: they say what PyTorch says, are refused where they do not, and predict without torch."""

import errno
import json
import logging
import os
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
import torch
from json_docs import undocumented
from openvino_telemetry import main as telemetry
from typer.testing import CliRunner
from weights_small import MODEL, save, write_run
from without_torch import without_torch

from handbone.anatomy import NAMES
from handbone.cli import app
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.evaluation.metrics import dice_contest
from handbone.method.networks import open_network
from handbone.method.settings import MethodSettings, RefinerSettings, read_settings
from handbone.method.two_stage import TwoStage
from handbone.synthetic import draw_hand
from handbone.weights.exported import EXPORT_CARD, read_export_card
from handbone.weights.network_file import load_weights
from handbone.workflows.export_model import export, export_model, parity
from handbone.workflows.export_model.formats import write_network

FORMATS = ("onnx", "openvino")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def hands():
    return [draw_hand(seed, size=256, bent=seed % 2 == 0).image.astype(np.float32) / 255 for seed in (1, 2)]


@pytest.fixture(scope="module")
def exported(run, hands, tmp_path_factory):
    """Folder of each format."""
    folders = {format: tmp_path_factory.mktemp("exported") / format for format in FORMATS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "images", lambda: hands)
        for format, folder in folders.items():
            export_model(run, folder, format=format)
    return folders


@pytest.mark.parametrize("format", FORMATS)
def test_they_give_the_logits_of_pytorch(run, exported, format):
    for name in ("coarse", "refiner"):
        torch_network = open_network(run / "weights" / f"{name}.safetensors", "32")
        file = exported[format] / read_export_card(exported[format]).networks[name].file
        image = np.random.default_rng(3).random((1, 64, 64), np.float32)
        for flip in (False, True):
            wanted = torch_network.logits(image, flip=flip)
            got = open_network(file, "32").logits(image, flip=flip)
            np.testing.assert_allclose(got, wanted, atol=1e-4)
        two = np.random.default_rng(4).random((2, 1, 64, 64), np.float32)
        np.testing.assert_allclose(open_network(file, "32")(two), torch_network(two), atol=1e-4)


@pytest.mark.parametrize("format", FORMATS)
def test_a_call_leaves_the_results_of_the_one_before(exported, format):
    network = open_network(next(p for p in exported[format].iterdir() if p.suffix in (".onnx", ".xml")), "32")
    first = network(np.zeros((1, 1, 64, 64), np.float32))
    kept = first.copy()
    network(np.ones((1, 1, 64, 64), np.float32))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell a thread's cores")
@pytest.mark.parametrize("format", FORMATS)
def test_no_call_is_bound_to_a_core_that_other_workers_take_as_well(exported, format):
    path = next(p for p in exported[format].iterdir() if p.suffix in (".onnx", ".xml"))
    network, calling, seen, ended = open_network(path, "32", threads=1), threading.get_native_id(), set(), []

    def watch():
        while not ended:
            seen.add(frozenset(os.sched_getaffinity(calling)))

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(50):
        network(np.zeros((1, 1, 64, 64), np.float32))
    ended.append(True)
    watching.join()
    assert seen == {frozenset(os.sched_getaffinity(0))}


@pytest.mark.parametrize("format", FORMATS)
def test_the_card_says_what_programs_of_others_need(run, exported, format):
    card = json.loads((exported[format] / EXPORT_CARD).read_text())
    assert card["schema"] == "handbone.model/1" and card["format"] == format and card["not_a_medical_device"]
    assert (card["opset"] or 18) >= 18 and (card["opset"] is None) == (format == "openvino")
    assert {"torch", format} <= card["versions"].keys()
    assert card["source"].keys() == {"coarse.safetensors", "refiner.safetensors"}
    assert card["preprocessing"]["image"] and card["postprocessing"]["threshold"] == 0.5
    coarse = card["networks"]["coarse"]
    assert coarse["input_shape"] == [1, 1, 64, 64] and coarse["output_shape"] == [1, 29, 64, 64]
    assert coarse["parity"]["dice"] >= 0.999 and coarse["parity"]["max_difference"] < 1e-3
    assert coarse["card"]["extra"]["method"]["find_hand"] == 64


@pytest.mark.parametrize("format", FORMATS)
def test_settings_travel_with_them_and_the_method_gives_the_same_masks(run, exported, hands, format):
    assert read_settings(exported[format]) == read_settings(run)
    used = read_settings(run).model_copy(update={"precision": "32"})
    ours, theirs = (TwoStage.from_path(path, settings=used).read(hands[0]) for path in (run, exported[format]))
    pairs = [(ours.coarse, theirs.coarse)]
    pairs += [(a.probabilities, b.probabilities) for a, b in zip(ours.refined, theirs.refined, strict=True)]
    for one, other in pairs:
        assert np.abs(one.dense() - other.dense()).max() <= 1.01 / 255


def test_openvino_reads_onnx_and_no_runtime_reads_what_it_cannot(run, exported):
    onnx, weights = exported["onnx"], run
    assert TwoStage.from_path(onnx, runtime="openvino").coarse_stage.predictor.size_hw == (64, 64)
    for path, runtime in ((onnx, "torch"), (exported["openvino"], "onnx"), (weights, "onnx"), (weights, "openvino")):
        with pytest.raises(HandboneError, match=f"the runtime {runtime}"):
            TwoStage.from_path(path, runtime=runtime)


def test_passes_of_another_size_have_a_file_of_their_own(hands, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "images", lambda: hands[:1])
    save(tmp_path / "run" / "coarse.safetensors", "coarse", method=MethodSettings(find_hand=96))
    card = export_model(tmp_path / "run", tmp_path / "out", format="openvino")
    sizes = {name: network.size_hw for name, network in card.networks.items()}
    assert sizes == {"coarse": (64, 64), "locate": (96, 96)}
    outcome = TwoStage.from_path(tmp_path / "out").predict(hands[0])
    assert outcome.location.passes == 8


def test_a_refiner_with_coarse_channels_is_exported_with_them(hands, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "images", lambda: hands[:1])
    settings = MethodSettings(refiner=RefinerSettings(coarse_channels=True))
    save(tmp_path / "run" / "coarse.safetensors", "coarse", method=settings)
    save(tmp_path / "run" / "refiner.safetensors", "refiner", in_channels=30, model=MODEL)
    card = export_model(tmp_path / "run", tmp_path / "out", format="openvino")
    assert card.networks["refiner"].input_shape == (1, 30, 64, 64)
    assert TwoStage.from_path(tmp_path / "out").read(hands[0]).refined


def test_a_network_with_other_masks_is_refused_and_nothing_is_written(run, hands, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "images", lambda: hands[:1])

    def off(path):
        module, card = load_weights(path)
        with torch.no_grad():
            # A logit here and there on the other side of one half.
            module.core.segmentation_head[0].bias += 4.6
        return module, card

    monkeypatch.setattr(export, "load_weights", off)
    coarse = run / "weights" / "coarse.safetensors"
    with pytest.raises(HandboneError, match="coarse network does not give PyTorch's masks: mean Dice"):
        export_model(coarse, tmp_path / "out", format="openvino")
    assert not (tmp_path / "out").exists()


def test_a_changed_file_is_refused(exported, tmp_path):
    folder = tmp_path / "changed"
    folder.mkdir()
    for path in exported["onnx"].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "refiner.onnx").write_bytes((folder / "coarse.onnx").read_bytes())
    with pytest.raises(HandboneError, match=r"refiner.onnx: is not the file that model.json describes"):
        TwoStage.from_path(folder)
    (folder / "coarse.onnx").unlink()
    with pytest.raises(HandboneError, match=r"coarse.onnx: is missing"):
        TwoStage.from_path(folder)


def test_what_a_user_keeps_beside_an_export_stays(run, hands, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "images", lambda: hands[:1])
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    export_model(run, mine)
    with pytest.raises(HandboneError, match=r"already contains exported networks.*--overwrite"):
        export_model(run, mine)
    export_model(run, mine, overwrite=True)
    assert (mine / "thesis.txt").read_text() == "years of work" and (mine / "coarse.onnx").is_file()
    (mine / "model.json").write_text("{}")
    with pytest.raises(HandboneError, match=r"model\.json is changed since handbone wrote it"):
        export_model(run, mine, overwrite=True)


def test_a_file_of_the_same_name_that_is_not_handbones_is_refused_before_the_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "load_weights", lambda path: pytest.fail("works already"))
    (tmp_path / "model.json").write_text("mine")
    with pytest.raises(HandboneError, match=r"model\.json is there already"):
        export_model(run, tmp_path, overwrite=True)
    assert (tmp_path / "model.json").read_text() == "mine"


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_leaves_the_logging_of_its_process_alone(format, tmp_path):
    root, module = logging.getLogger(), load_weights(save(tmp_path / "coarse.safetensors", "coarse"))[0]
    before = root.handlers[:], root.level, root.manager.disable
    write_network(module, tmp_path, "coarse", (1, 1, 64, 64), format)
    assert (root.handlers, root.level, root.manager.disable) == before


def test_an_export_tells_nobody_of_it(tmp_path, monkeypatch):
    told = []
    # As at the start of a process.
    monkeypatch.setattr(telemetry.Telemetry, "_SingletonMetaClass__single_instance", None)
    monkeypatch.setattr(telemetry.TelemetrySender, "send", lambda *_: told.append(True))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    module = load_weights(save(tmp_path / "coarse.safetensors", "coarse"))[0]
    write_network(module, tmp_path, "coarse", (1, 1, 64, 64), "openvino")
    assert not told and not (tmp_path / "intel").exists() and "CI" not in os.environ


def test_exported_networks_do_not_train(exported):
    with pytest.raises(HandboneError, match="can only predict"):
        load_weights(exported["onnx"] / "coarse.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_every_command_that_predicts_works_without_torch(format, tmp_path):
    """The whole shipped method on exported files, in a process that has no torch."""
    hand = draw_hand(20261126, size=640, bent=False)
    cv2.imwrite(str(tmp_path / "hand.png"), hand.image)
    # In a process of its own, as users have it: OpenVINO crashed twice at the end of a whole run of all tests.
    words = [sys.executable, "-m", "handbone", "export-model", "zero_shot", "-o", "net", "--format", format]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=600)
    done = without_torch("predict", "hand.png", "-w", "net", "-o", "out", "--write", "png", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)["images"][0]
    assert record["outcome"] == "outlined" and record["decisions"]
    method = TwoStage.from_path("zero_shot", settings=read_settings("zero_shot").but(precision="32"))
    ours = method.predict(hand.image.astype(np.float32) / 255).final.threshold(method.threshold)
    theirs = np.stack([cv2.imread(str(tmp_path / "out" / "png" / "hand" / f"{name}.png"), 0) > 0 for name in NAMES])
    # OpenVINO computes in bfloat16 where the processor can.
    assert dice_contest(ours, BoneMasks.from_dense(theirs)).mean() >= (0.999 if format == "onnx" else 0.99)
    if format == "openvino":
        return
    for words in (
        ("refine", "--coarse", "out/predictions.csv", "--images", ".", "-w", "net", "-o", "refined"),
        ("measure", "out", "-o", "measured"),
        ("measure", "out", "-o", "spread", "--workers", "2"),
        ("export", "out", "--format", "coco", "-o", "coco"),
        ("ensemble", "out", "refined", "-o", "joined"),
    ):
        done = without_torch(*words, cwd=tmp_path)
        assert done.returncode == 0, (words, done.stderr)
    for words, extra in (
        (("predict", "hand.png", "-o", "other"), "train"),
        (("export-model", "zero_shot", "-o", "again"), "train"),
        (("evaluate", "out", "--truth", "out", "-o", "evaluated"), "evaluate"),
        (("bench", "-w", "net"), "train"),
    ):
        done = without_torch(*words, cwd=tmp_path)
        assert done.returncode == 1 and f"pip install 'handbone[{extra}]'" in done.stderr


def test_the_command_says_what_it_wrote(run, hands, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "images", lambda: hands[:1])
    words = ["export-model", str(run / "weights" / "coarse.safetensors"), "-o", str(tmp_path / "net")]
    said = CliRunner().invoke(app, [*words, "--format", "openvino", "--json"])
    assert said.exit_code == 0 and undocumented(json.loads(said.stdout)) == []
    said = CliRunner().invoke(app, [*words, "--format", "openvino", "--overwrite"])
    assert said.exit_code == 0 and "1 x 1 x 64 x 64" in said.stdout and "--weights" in said.stdout


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_is_said_to_be_full(format, mounted):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 64, 3), torch.nn.Conv2d(64, 1024, 3), torch.nn.Conv2d(1024, 29, 1))
    with pytest.raises(OSError) as told:  # its weights have 2 MB
        write_network(network, mounted("size=1m"), "coarse", (1, 1, 32, 32), format)
    assert told.value.errno == errno.ENOSPC
