"""What weights say of themselves: names, cards, digests, and what takes part where a name means several things."""

import json
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from weights_small import MODEL, SETTINGS, save, write_run, zip_folder

from handbone.anatomy import COUNT, NAMES
from handbone.core import digests
from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of
from handbone.method import networks
from handbone.recipe.schema import Choice
from handbone.weights import archive, pack
from handbone.weights.card import FileFacts, SetCard, check_name, flat, is_name, model_card, read_set_card, seal
from handbone.weights.exported import (
    EXPORT_CARD,
    exported_file,
    exported_files,
    exported_network,
    is_exported,
    read_export_card,
)
from handbone.weights.finding import find_prior, find_weights, prior_file, stage_file
from handbone.weights.network_card import WeightsCard
from handbone.weights.network_file import build_network, is_of, load_state, load_weights, read_card, save_weights
from handbone.weights.packing import _without_paths
from handbone.weights.sets import read_set
from handbone.workflows.stored_results import prediction_fingerprint


@pytest.mark.parametrize("name", ["a", "0", "zero_shot", "a-b.c_d", "a" * 64, "refiner2"])
def test_names_that_can_be(name):
    assert is_name(name) and check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "_a", "-a", ".a", "a/b", "a b", "ä", "a" * 65, "coarse", "refiner", "a\n", "٣", "..", "a\\b"]
)
def test_names_that_cannot_be(name):
    assert not is_name(name)
    with pytest.raises(HandboneError, match="is not a valid name for weights; use lower-case letters"):
        check_name(name)


FACTS = FileFacts(sha256="0" * 64, bytes=1)


@pytest.mark.parametrize("limits", [(), ("Bad on feet.",), ("It is not a medical device.",)])
def test_every_card_says_that_it_is_no_medical_device_once(limits):
    card = SetCard(name="x", files={"coarse.safetensors": FACTS}, limits=limits)
    assert sum("not a medical device" in limit for limit in card.shown_limits) == 1
    assert card.shown_limits[: len(limits)] == limits
    assert all(f"- {limit}" in model_card(card) for limit in card.shown_limits)


@pytest.mark.parametrize(
    ("metrics", "rows"),
    [
        ({}, []),
        (
            {"Dice": 0.5, "n": 3, "ok": True, "none": None},
            [("Dice", "0.5"), ("n", "3"), ("ok", "true"), ("none", "null")],
        ),
        ({"all": {"coarse": {"Dice": 0.9}, "n": "many"}}, [("all, coarse, Dice", "0.9"), ("all, n", "many")]),
        ({"ö": ["a", 1]}, [("ö", '["a", 1]')]),
    ],
)
def test_nested_metrics_are_rows(metrics, rows):
    assert flat(metrics) == rows


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"files": {}}, r"files: .*files lacks coarse\.safetensors"),
        ({"files": {"coarse.safetensors": {"sha256": "0", "bytes": 1}}}, "sha256"),
        ({"files": {"coarse.safetensors": {"sha256": "0" * 64, "bytes": -1}}}, "bytes"),
        ({"files": {"evil.py": {"sha256": "0" * 64, "bytes": 1}}}, r"files\.evil\.py"),
        ({"name": None}, "name"),
        ({"limits": "none"}, "limits"),
    ],
)
def test_a_card_that_says_something_else_is_named_with_the_place(tmp_path, change, words):
    whole = {"name": "x", "files": {"coarse.safetensors": {"sha256": "0" * 64, "bytes": 1}}}
    (tmp_path / "card.json").write_text(json.dumps({**whole, **change}))
    with pytest.raises(HandboneError, match=words) as error:
        read_set_card(tmp_path)
    assert error.value.where == str(tmp_path / "card.json") and "handbone weights pack" in error.value.remedy
    (tmp_path / "card.json").write_text(json.dumps({**whole, "of": "a later version"}))
    assert read_set_card(tmp_path).name == "x"


def test_a_folder_is_sealed_with_the_digests_of_what_lies_there(tmp_path):
    save(tmp_path / "coarse.safetensors", "coarse")
    card = seal(tmp_path, name="x", summary="one line")
    assert set(card.files) == {"coarse.safetensors"} and read_set_card(tmp_path) == card
    facts = card.files["coarse.safetensors"]
    assert facts.sha256 == sha256_of(tmp_path / "coarse.safetensors")
    assert facts.bytes == (tmp_path / "coarse.safetensors").stat().st_size
    assert facts.network == "unet with test_efficientnet, 1 channel, 64 x 64 pixels"
    save(tmp_path / "prior.safetensors", "refiner")
    with pytest.raises(
        HandboneError, match="these weights belong to the stage 'refiner', but a prior network is needed"
    ):
        seal(tmp_path, name="x")


WRITTEN = ("coarse", "refiner", "prior", "other")


@pytest.fixture(scope="module")
def of_stage(tmp_path_factory):
    """Weights that say which stage they are of."""
    folder = tmp_path_factory.mktemp("stages")
    return {stage: save(folder / f"{stage}.safetensors", stage) for stage in WRITTEN}


@pytest.mark.parametrize("stage", ["coarse", "refiner", "prior"])
@pytest.mark.parametrize("written", WRITTEN)
def test_weights_of_another_stage_than_their_name_says_are_refused(tmp_path, of_stage, stage, written):
    """But for those that are neither coarse nor a prior: they all are refiners."""
    shutil.copyfile(of_stage["coarse"], tmp_path / "coarse.safetensors")
    shutil.copyfile(of_stage[written], tmp_path / f"{stage}.safetensors")
    kind = {"coarse": 0, "prior": 1}
    if kind.get(written, 2) == kind.get(stage, 2):
        assert f"{stage}.safetensors" in seal(tmp_path, name="x").files
    else:
        with pytest.raises(HandboneError, match=f"belong to the stage '{written}'"):
            seal(tmp_path, name="x")


@pytest.fixture(scope="module")
def card():
    return WeightsCard(model=MODEL, in_channels=1, size=64, stage="coarse")


@pytest.mark.parametrize(
    ("model", "channels", "same"),
    [
        (MODEL, 1, True),
        (Choice(name="unet", encoder_weights="imagenet", **SETTINGS), 1, True),
        (Choice(name="unet", encoder_weights=None, **{**SETTINGS, "encoder_depth": 4}), 1, False),
        (Choice(name="unet", encoder_weights=None, encoder="resnet18"), 1, False),
        (Choice(name="fpn", encoder_weights=None, encoder="test_efficientnet"), 1, False),
        (Choice(name="no_such_network"), 1, False),
        (MODEL, 30, False),
    ],
)
def test_weights_are_of_a_network_that_has_their_settings_whatever_it_starts_from(card, model, channels, same):
    assert is_of(card, model, channels) is same


def test_weights_of_other_bones_are_of_no_network_of_ours(card):
    assert not is_of(card.model_copy(update={"bones": NAMES[:28]}), MODEL, 1)
    assert not is_of(card.model_copy(update={"bones": NAMES[::-1]}), MODEL, 1)


@pytest.mark.parametrize(("channels", "words"), [(1, "1 channel"), (30, "30 channels")])
def test_a_network_in_words(card, channels, words):
    assert card.model_copy(update={"in_channels": channels}).network == f"unet with test_efficientnet, {words}"
    assert card.model_copy(update={"model": Choice(name="mine")}).network == "mine, 1 channel"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "its card cannot be read"),
        ("[]", "its card cannot be read"),
        ('{"model": "unet", "in_channels": 0, "size": 64, "stage": "coarse"}', "in_channels"),
        ('{"model": "unet", "in_channels": 9999999, "size": 64, "stage": "coarse"}', "in_channels"),
        ('{"model": "unet", "in_channels": 1, "size": 1000000, "stage": "coarse"}', "size"),
        ('{"model": 3, "in_channels": 1, "size": 64, "stage": "coarse"}', "model"),
        ('{"model": "unet", "in_channels": 1, "size": 64}', "stage"),
    ],
)
def test_a_file_whose_card_cannot_be_is_refused_before_anything_is_built(tmp_path, text, words):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors", metadata={"handbone": text})
    for read in (read_card, load_weights):
        with pytest.raises(HandboneError, match=words):
            read(tmp_path / "w.safetensors")


def test_weights_for_the_radiograph_alone_see_nothing_in_further_channels(tmp_path):
    path = save(tmp_path / "w.safetensors", "coarse")
    narrow, wide = build_network(MODEL, 1).eval(), build_network(MODEL, 1 + COUNT).eval()
    load_state(narrow, path)
    with pytest.raises(HandboneError, match=r"does not fit the network .*; use the model and input channels"):
        load_state(wide, path)
    load_state(wide, path, widen=True)
    image = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        expected = narrow(image)
        for further in (torch.zeros(1, COUNT, 64, 64), torch.rand(1, COUNT, 64, 64)):
            assert torch.allclose(wide(torch.cat([image, further], 1)), expected, atol=1e-5)


def test_half_precision_changes_no_value_that_it_can_hold_and_no_other_kind(tmp_path, card):
    torch.manual_seed(0)
    network = build_network(MODEL, 1)
    before = network.state_dict()
    first = next(name for name, tensor in before.items() if tensor.is_floating_point() and tensor.ndim > 1)
    variance = next(name for name in before if name.endswith("running_var"))
    with torch.no_grad():
        before[first].view(-1)[0] = 1e6
        before[variance][0] = 1e-9
    state = load_file(save_weights(tmp_path / "h.safetensors", network, card, half=True))
    for name, tensor in before.items():
        kept = name in (first, variance) or not tensor.is_floating_point()
        assert state[name].dtype == (tensor.dtype if kept else torch.half), name
        expected = tensor if kept else tensor.half()
        assert torch.equal(state[name], expected)


def test_what_a_user_names_is_found_as_run_as_folder_and_as_file(tmp_path):
    run = write_run(tmp_path / "run")
    coarse, refiner = (run / "weights" / f"{stage}.safetensors" for stage in ("coarse", "refiner"))
    assert find_weights(run) == find_weights(run / "weights") == (coarse, refiner)
    assert find_weights(coarse) == (coarse, None) and find_prior(coarse) is None and find_prior(run) is None
    with pytest.raises(HandboneError, match="has no anatomical prior; set predict"):
        prior_file(str(run))
    prior = save(run / "weights" / "prior.safetensors", "prior")
    assert find_prior(run) == find_prior(run / "weights") == prior_file(str(run)) == prior
    assert find_prior(coarse) is None, "a file alone is that file"
    assert prior_file(str(prior)) == prior
    refiner.unlink()
    assert find_weights(run) == (coarse, None)
    coarse.unlink()
    with pytest.raises(HandboneError, match=r"there is no coarse\.safetensors"):
        find_weights(run)


def test_the_file_of_a_stage_by_whatever_a_recipe_names(tmp_path, packed, places):
    run = write_run(tmp_path / "run")
    for name in (str(run), str(run / "weights")):
        assert stage_file(name, "refiner") == run / "weights" / "refiner.safetensors"
    one = run / "weights" / "coarse.safetensors"
    assert stage_file(str(one), "refiner") == one, "a file is taken whatever the stage"
    shutil.copytree(packed, places.fetched / "theirs")
    assert stage_file("theirs", "coarse") == places.fetched / "theirs" / "coarse.safetensors"
    assert stage_file("theirs", "prior") is None
    with pytest.raises(HandboneError, match="no such file or folder, and no weights of that name"):
        stage_file("nobody", "coarse")


@pytest.mark.parametrize("content", ["[]", "3", "null", "{", "\udcff"])
def test_a_manifest_of_another_kind_is_named(tmp_path, content):
    run = write_run(tmp_path / "run")
    (run / "manifest.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(HandboneError, match=r"manifest\.json: is not valid JSON .*; run the recipe again"):
        pack(run, tmp_path / "set", name="set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("value", "packed_value"),
    [
        ({"path": "a/b/c.png"}, {"path": "c.png"}),
        ({"other": "/home/me/c.png"}, {"other": "c.png"}),
        ({"other": "~/me/c.png"}, {"other": "c.png"}),
        ({"other": "../me/c.png"}, {"other": "c.png"}),
        ({"other": ".\\me\\c.png"}, {"other": "c.png"}),
        ({"other": "D:\\me\\c.png"}, {"other": "c.png"}),
        ({"checkpoint": ["x/y.pth", {"weights": "z/w.pt"}]}, {"checkpoint": ["y.pth", {"weights": "w.pt"}]}),
        ({"encoder": "timm/resnet18", "n": 3, "x": None}, {"encoder": "timm/resnet18", "n": 3, "x": None}),
        ({"sum": "dice + 0.5 * bce / 2"}, {"sum": "dice + 0.5 * bce / 2"}),
    ],
)
def test_paths_lose_their_folders_and_other_texts_stay(value, packed_value):
    assert _without_paths(value) == packed_value


def unpacked(tmp_path, members, **options):
    path, folder = tmp_path / "a.zip", tmp_path / "out"
    folder.mkdir()
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members.items():
            file.writestr(name, content)
    archive.unpack(path, folder, where="a.zip")
    return {p.name: p.read_text() for p in folder.iterdir()}


@pytest.mark.parametrize("prefix", ["", "set/", "some name/"])
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_files_of_one_folder_come_out_side_by_side(tmp_path, prefix, kind):
    members = {f"{prefix}card.json": "{}", f"{prefix}MODEL_CARD.md": "x", f"{prefix}a.safetensors": "y"}
    assert unpacked(tmp_path, members, compression=kind) == {
        "card.json": "{}",
        "MODEL_CARD.md": "x",
        "a.safetensors": "y",
    }


@pytest.mark.parametrize(("count", "fits"), [(32, True), (33, False)])
def test_an_archive_holds_at_most_32_files(tmp_path, count, fits):
    members = {f"{n}.json": "{}" for n in range(count)}
    if fits:
        assert len(unpacked(tmp_path, members)) == count
    else:
        with pytest.raises(HandboneError, match="contains more than 32 files"):
            unpacked(tmp_path, members)


def test_a_set_is_verified_whatever_is_remembered_of_its_files(packed, tmp_path, monkeypatch):
    """A disk that loses bits does not change a file's times."""
    copy = Path(shutil.copytree(packed, tmp_path / "copy"))
    known = {name: sha256_of(copy / name) for name in ("coarse.safetensors", "refiner.safetensors")}
    monkeypatch.setattr(digests._Index, "of", lambda self, path: known[path.name])
    path = copy / "coarse.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(HandboneError, match=r"coarse\.safetensors: is not the file that card\.json describes"):
        read_set(copy).verify()


def test_a_set_is_verified_byte_for_byte(packed, tmp_path):
    copy = Path(shutil.copytree(packed, tmp_path / "copy"))
    read_set(copy).verify()
    assert read_set(copy).size_bytes == sum((copy / f"{s}.safetensors").stat().st_size for s in ("coarse", "refiner"))
    path = copy / "refiner.safetensors"
    content = bytearray(path.read_bytes())
    for at in np.random.default_rng(0).integers(0, len(content), 5).tolist():
        content[at] ^= 1
        path.write_bytes(content)
        with pytest.raises(HandboneError, match=r"refiner\.safetensors: is not the file that card\.json describes"):
            read_set(copy).verify()
        content[at] ^= 1
    path.write_bytes(content)
    read_set(copy).verify()
    with pytest.raises(HandboneError, match="there is no card"):
        read_set(tmp_path)
    assert zip_folder(copy, tmp_path / "z.zip")[1] == sha256_of(tmp_path / "z.zip")


def export_folder(folder, digest=None, file="coarse.onnx"):
    folder.mkdir(exist_ok=True)
    (folder / "coarse.onnx").write_bytes(b"network")
    network = {
        "file": file,
        "sha256": {"coarse.onnx": digest or sha256_of(folder / "coarse.onnx")},
        "input_shape": [1, 1, 64, 96],
        "output_shape": [1, 29, 64, 96],
        "parity": {"max_difference": 0.0, "dice": 1.0, "images": 1},
        "card": {"model": "unet", "in_channels": 1, "size": 64, "stage": "coarse"},
    }
    card = {"schema": "handbone.model/1", "format": "onnx", "networks": {"coarse": network}}
    (folder / EXPORT_CARD).write_text(json.dumps(card))
    return folder


def test_the_fingerprint_of_exported_networks_is_of_all_their_files(tmp_path):
    """OpenVINO keeps the numbers beside the file that is named."""
    folder = export_folder(tmp_path / "out")
    (folder / "coarse.bin").write_bytes(b"numbers")
    card = json.loads((folder / EXPORT_CARD).read_text())
    card["networks"]["coarse"]["sha256"]["coarse.bin"] = sha256_of(folder / "coarse.bin")
    card["networks"]["prior"] = card["networks"]["coarse"] | {"file": "prior.onnx", "sha256": {"prior.onnx": "0"}}
    (folder / EXPORT_CARD).write_text(json.dumps(card))
    assert [path.name for path in exported_files(folder / "coarse.onnx")] == ["coarse.bin", "coarse.onnx"]
    before = prediction_fingerprint(folder)
    assert before == prediction_fingerprint(folder) != prediction_fingerprint(folder, hands="all")
    (folder / "coarse.bin").write_bytes(b"numbres")
    card["networks"]["coarse"]["sha256"]["coarse.bin"] = sha256_of(folder / "coarse.bin")
    (folder / EXPORT_CARD).write_text(json.dumps(card))
    assert prediction_fingerprint(folder) != before


def test_exported_networks_are_opened_at_once(tmp_path, monkeypatch):
    """Each waits for the other."""
    folder = export_folder(tmp_path / "out")
    (folder / "refiner.onnx").write_bytes(b"another")
    card = json.loads((folder / EXPORT_CARD).read_text())
    refiner = card["networks"]["coarse"] | {"file": "refiner.onnx", "sha256": {}}
    card["networks"]["refiner"] = refiner | {"card": refiner["card"] | {"stage": "refiner"}}
    (folder / EXPORT_CARD).write_text(json.dumps(card))
    together = threading.Barrier(2, timeout=30)
    monkeypatch.setattr(networks, "open_network", lambda path, **more: (together.wait(), path.name)[1])
    opened = networks.load_networks(folder)
    assert [opened[f"{stage}_stage"].predictor for stage in ("coarse", "refine")] == ["coarse.onnx", "refiner.onnx"]


def test_an_exported_network_is_found_and_compared_with_its_card(tmp_path):
    folder = export_folder(tmp_path / "out")
    assert exported_file(folder, "coarse") == folder / "coarse.onnx" and exported_file(folder, "refiner") is None
    assert find_weights(folder) == (folder / "coarse.onnx", None) and find_prior(folder) is None
    assert exported_network(folder / "coarse.onnx").size_hw == (64, 96)
    assert is_exported(folder) and is_exported(folder / "coarse.onnx") and not is_exported(tmp_path)
    assert read_card(folder / "coarse.onnx").stage == "coarse"
    with pytest.raises(
        HandboneError, match="is an exported network, which can only predict; give the weights from which"
    ):
        load_weights(folder / "coarse.onnx")
    with pytest.raises(HandboneError, match=r"other\.onnx: model\.json does not describe this file"):
        exported_network(folder / "other.onnx")
    (folder / "coarse.onnx").write_bytes(b"netwerk")
    with pytest.raises(HandboneError, match=r"coarse\.onnx: is not the file that model\.json describes"):
        exported_file(folder, "coarse")
    (folder / "coarse.onnx").unlink()
    with pytest.raises(HandboneError, match=r"coarse\.onnx: is missing; export the weights again"):
        exported_file(folder, "coarse")


def test_a_card_of_an_export_cannot_point_out_of_its_folder(tmp_path):
    folder = export_folder(tmp_path / "out", file="../../etc/coarse.onnx")
    assert exported_file(folder, "coarse") == folder / "coarse.onnx"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": "handbone.model/2", "format": "onnx", "networks": {}}',
        '{"format": "tflite", "networks": {}}',
    ],
)
def test_a_card_of_an_export_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / EXPORT_CARD).write_text(text)
    with pytest.raises(HandboneError, match=r"model\.json: cannot be read"):
        read_export_card(tmp_path)
    (tmp_path / EXPORT_CARD).unlink()
    with pytest.raises(HandboneError, match="there is no card of exported networks"):
        read_export_card(tmp_path)
    (tmp_path / EXPORT_CARD).write_text('{"format": "onnx", "networks": {}}')
    with pytest.raises(HandboneError, match="there is no coarse network"):
        find_weights(tmp_path)
