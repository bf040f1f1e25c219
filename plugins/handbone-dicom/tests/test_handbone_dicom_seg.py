"""DICOM SEG through the real command line: read back bit by bit, and what of the patient goes where."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import handbone_dicom
import highdicom as hd
import numpy as np
import pytest
from dicom_files import PATIENT, hand, write
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian

from handbone.anatomy import BONES, COUNT, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import PredictionsWriter, read_predictions
from handbone.plugins import PluginManager, PredictedImage

HANDBONE = str(Path(sys.executable).with_name("handbone"))
SIZE = (120, 90)


def masks(seed: int = 0, absent: tuple[int, ...] = (3, 27)) -> BoneMasks:
    """Overlapping blobs for all bones but a few."""
    random, dense = np.random.default_rng(seed), np.zeros((COUNT, *SIZE), bool)
    for bone in set(range(COUNT)) - set(absent):
        noise = cv2.GaussianBlur(random.random(SIZE, np.float32), (0, 0), 3)
        dense[bone] = noise > np.quantile(noise, 0.8)
    return BoneMasks.from_dense(dense)


def writer(folder: Path, **settings):
    plugins = PluginManager(entry_points=False)
    plugins.register(handbone_dicom, package="handbone-dicom", version="0.1.0")
    assert not plugins.problems
    spec, _ = plugins.get("writer", "dicom_seg")
    folder.mkdir(exist_ok=True)
    return spec.build(spec.settings(**settings), folder=folder)


def read_back(path: Path) -> BoneMasks:
    """The masks as highdicom decodes them, joined by the segments' labels."""
    segmentation = hd.seg.segread(path)
    dense = np.zeros((COUNT, segmentation.Rows, segmentation.Columns), bool)
    source = segmentation.get_source_image_uids()[0][2]
    stack = segmentation.get_pixels_by_source_instance([source], skip_overlap_checks=True)[0]
    for number in segmentation.segment_numbers:
        label = segmentation.get_segment_description(number).segment_label
        dense[NAMES.index(label)] = stack[..., number - 1] == 1
    return BoneMasks.from_dense(dense)


def everything_in(folder: Path, *, but: str = "*.dcm") -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and not p.match(but))


@pytest.mark.parametrize("kind", ["binary", "fractional"])
def test_masks_come_back_bit_by_bit(tmp_path, kind):
    path = write(tmp_path / "1.2.840.5", hand(SIZE), preamble=kind == "binary")
    made = writer(tmp_path / "out", type=kind)
    made.write(PredictedImage(path.name, path, masks()))
    made.close()
    [file] = (tmp_path / "out").iterdir()
    assert file.name == "1.2.840.5.seg.dcm" and read_back(file) == masks()
    segmentation, source = hd.seg.segread(file), dcmread(path, force=True)
    assert segmentation.SegmentationType == kind.upper() and segmentation.SegmentsOverlap == "YES"
    assert segmentation.number_of_segments == COUNT - 2
    assert segmentation.StudyInstanceUID == source.StudyInstanceUID
    assert segmentation.SeriesInstanceUID != source.SeriesInstanceUID
    referenced = segmentation.get_source_image_uids()
    assert [str(uid) for uid in referenced[0]] == [
        source.StudyInstanceUID,
        source.SeriesInstanceUID,
        source.SOPInstanceUID,
    ]


def hard_masks(size_hw: tuple[int, int], seed: int) -> BoneMasks:
    """A corner pixel, a line along a border, everything, a hole with an island, several parts, an overlap, noise."""
    height, width = size_hw
    dense = np.zeros((COUNT, *size_hw), bool)
    dense[0, 0, 0] = dense[1, -1] = dense[2] = True
    dense[3, : height // 2, : width // 2] = True
    dense[3, height // 8 : height // 3, width // 8 : width // 3] = False
    dense[3, height // 5, width // 5] = True
    dense[4, :2, :2] = dense[4, -2:, -2:] = True
    dense[5] = dense[3]
    dense[6] = np.random.default_rng(seed).random(size_hw) > 0.5
    return BoneMasks.from_dense(dense)


# highdicom 0.28 packs frames of fewer than eight pixels wrongly.
@settings(deadline=None, max_examples=10)
@given(st.integers(0, 999), st.tuples(st.integers(3, 60), st.integers(3, 60)), st.sampled_from(["1.2.840", "손 1.dcm"]))
@example(0, (31, 80), "é & 'q'.dcm")
def test_masks_of_any_shape_come_back_the_same(seed, size_hw, name):
    made = hard_masks(size_hw, seed)
    with tempfile.TemporaryDirectory() as root:
        path = write(Path(root) / name, hand(size_hw))
        writing = writer(Path(root) / "out")
        writing.write(PredictedImage(name, path, made))
        writing.close()
        [file] = (Path(root) / "out").iterdir()
        assert read_back(file) == made


def _lab(described) -> list[float]:
    """The colour that viewers are recommended, from 16 bits a number."""
    lightness, a, b = described.RecommendedDisplayCIELabValue
    return [lightness / 65535 * 100, a / 65535 * 255 - 128, b / 65535 * 255 - 128]


def test_segments_are_coded_and_coloured(tmp_path):
    path = write(tmp_path / "a.dcm", hand(SIZE))
    writer(tmp_path / "out").write(PredictedImage("a.dcm", path, masks(absent=()), stem="a"))
    segmentation = hd.seg.segread(tmp_path / "out" / "a.seg.dcm")
    coded = {}
    for bone in BONES:
        described = segmentation.get_segment_description(bone.index + 1)
        assert described.segment_label == bone.name and described.algorithm_type.value == "AUTOMATIC"
        kind = described.segmented_property_type
        coded[bone.name] = (kind.scheme_designator, kind.value)
        assert hd.color.CIELabColor(*_lab(described)).to_rgb() == pytest.approx(bone.colour, abs=3)
    assert coded["Scaphoid"] == ("SCT", "30518006") and coded["Radius"] == ("SCT", "62413002")
    assert coded["finger-3"] == coded["finger-19"] == ("SCT", "36455000")
    assert coded["finger-5"] == ("99HANDBONE", "finger-5") and coded["Capitate"] == ("99HANDBONE", "Capitate")


def test_an_image_without_bones_has_no_file(tmp_path):
    path = write(tmp_path / "a.dcm", hand(SIZE))
    writer(tmp_path / "out").write(PredictedImage("a.dcm", path, masks(absent=tuple(range(COUNT)))))
    assert not list((tmp_path / "out").iterdir())


def test_the_patient_module_is_the_sources_unless_anonymous(tmp_path):
    place = {"PixelSpacing": [0.14, 0.14], "FrameOfReferenceUID": "1.2.3.4"}
    path = write(tmp_path / "a.dcm", hand(SIZE), **place)
    for anonymous in (False, True):
        writer(tmp_path / f"{anonymous}", anonymous=anonymous).write(PredictedImage("a.dcm", path, masks()))
    carried, blank = (dcmread(tmp_path / f"{anonymous}" / "a.dcm.seg.dcm") for anonymous in (False, True))
    assert (carried.PatientName, carried.PatientID) == (PATIENT["PatientName"], PATIENT["PatientID"])
    assert (blank.PatientName == "" and blank.PatientID == "" and blank.StudyDate is None) or blank.StudyDate == ""
    data = (tmp_path / "True" / "a.dcm.seg.dcm").read_bytes()
    found = [name for name, value in PATIENT.items() if len(value) > 1 and value.encode() in data]
    assert not found
    assert read_back(tmp_path / "True" / "a.dcm.seg.dcm") == masks()
    assert carried.StudyInstanceUID == blank.StudyInstanceUID


def test_odd_sources_are_taken_or_refused_without_a_word_of_the_patient(tmp_path, recwarn, capfd):
    without = dict.fromkeys(PATIENT)
    bare = write(tmp_path / "bare.dcm", hand(SIZE), **without)
    odd = write(tmp_path / "odd.dcm", hand(SIZE), PatientSex="X", PatientName="Secret without caret")
    made = writer(tmp_path / "out")
    for path in (bare, odd):
        made.write(PredictedImage(path.name, path, masks()))
        assert read_back(tmp_path / "out" / f"{path.name}.seg.dcm") == masks()
    said = "".join(str(warning.message) for warning in recwarn) + "".join(capfd.readouterr())
    assert "Secret" not in said
    wrong = write(tmp_path / "wrong.dcm", hand(SIZE))
    wrong.write_bytes(wrong.read_bytes().replace(b"19700102", b"1970Sec!"))
    with pytest.raises(HandboneError, match=r"wrong\.dcm: cannot create a DICOM SEG for it \(\w+\)") as caught:
        made.write(PredictedImage(wrong.name, wrong, masks()))
    assert "1970" not in str(caught.value)
    writer(tmp_path / "out", anonymous=True).write(PredictedImage(wrong.name, wrong, masks()))
    assert read_back(tmp_path / "out" / "wrong.dcm.seg.dcm") == masks()


def test_what_is_no_source_is_refused_with_a_sentence(tmp_path):
    assert cv2.imwrite(str(tmp_path / "a.png"), np.zeros(SIZE, np.uint8))
    (tmp_path / "text").write_text("no image")
    other = write(tmp_path / "other.dcm", hand((60, 60)))
    lacking = write(tmp_path / "lacking.dcm", hand(SIZE), StudyInstanceUID=None)
    made = writer(tmp_path / "out")
    for path, words in (
        (tmp_path / "a.png", "this is not a DICOM file, but a DICOM SEG must refer to one; write coco or png"),
        (tmp_path / "text", "this is not a DICOM file"),
        (tmp_path / "nowhere.dcm", "this is not a DICOM file"),
        (other, "60 x 60 pixels, but its masks have 90 x 120"),
        (lacking, "has no StudyInstanceUID"),
        (None, "--images"),
    ):
        with pytest.raises(HandboneError, match=words):
            made.write(PredictedImage(path.name if path else "gone.dcm", path, masks()))
    assert not list((tmp_path / "out").iterdir())


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A small network that has learned nothing, and sees bones everywhere it can."""
    import torch

    from handbone.recipe.schema import Choice
    from handbone.weights.network_file import WeightsCard, build_network, save_weights

    model = Choice(name="unet", encoder="mobilenet_v2", encoder_weights=None)
    card = WeightsCard(model=model, in_channels=1, size=64, stage="coarse")
    torch.manual_seed(0)
    network = build_network(model, 1)
    with torch.no_grad():
        next(p for name, p in network.named_parameters() if name.endswith("segmentation_head.0.bias")).fill_(0.5)
    return save_weights(tmp_path_factory.mktemp("weights") / "coarse.safetensors", network, card)


def handbone(*words, folder: Path) -> subprocess.CompletedProcess:
    surroundings = {**os.environ, "HANDBONE_CACHE": str(folder / "cache"), "COLUMNS": "300"}
    return subprocess.run([HANDBONE, *map(str, words)], cwd=folder, capture_output=True, text=True, env=surroundings)


def test_predict_reads_dicoms_and_writes_segs_and_says_nothing_of_the_patient(tmp_path, weights):
    scans = tmp_path / "scans"
    write(scans / "one.dcm", hand(SIZE), WindowCenter=2048, WindowWidth=4096, ImagerPixelSpacing=[0.15, 0.14])
    turned = 4095 - hand(SIZE)
    write(scans / "1.2.840.99", turned, PhotometricInterpretation="MONOCHROME1", syntax=ImplicitVRLittleEndian)
    (scans / "README").write_text("two hands")
    done = handbone("predict", "scans", "-o", "out", "-w", weights, "--write", "dicom_seg", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    record = {p["name"]: p for p in json.loads((out / "predictions.json").read_text())["images"]}
    assert set(record) == {"one.dcm", "1.2.840.99"} and record["one.dcm"]["spacing_mm"] == [0.15, 0.14]
    assert record["1.2.840.99"]["spacing_mm"] is None
    assert {path.name for path in (out / "overlays").iterdir()} == {"one.png", "1.2.840.99.png"}
    segs = {"one.dcm": "one.seg.dcm", "1.2.840.99": "1.2.840.99.seg.dcm"}
    for name, cells in read_predictions(out / "predictions.csv"):
        assert read_back(out / "dicom_seg" / segs[name]) == BoneMasks.from_rle(cells, SIZE)
    said = everything_in(out, but="*.seg.dcm") + done.stdout.encode() + done.stderr.encode()
    assert not [name for name, value in PATIENT.items() if len(value) > 1 and value.encode() in said]
    assert PATIENT["PatientName"].encode() in everything_in(out, but="*.png")
    # Folders with masks in them can be searched for images again: masks are none.
    again = handbone("export", "out", "-f", "dicom_seg", "-o", "again", "--set", "anonymous=true", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert not [
        n for n, v in PATIENT.items() if len(v) > 1 and v.encode() in everything_in(tmp_path / "again", but="*.none")
    ]


def test_a_png_among_dicoms_is_told_and_the_rest_is_written(tmp_path, weights):
    write(tmp_path / "scans" / "one.dcm", hand(SIZE))
    assert cv2.imwrite(str(tmp_path / "scans" / "two.png"), (hand(SIZE) >> 4).astype(np.uint8))
    done = handbone("predict", "scans", "-o", "out", "-w", weights, "--write", "dicom_seg", folder=tmp_path)
    assert done.returncode == 1
    assert "not written as dicom_seg" in done.stdout and "two.png: this is not a DICOM file" in done.stdout
    assert [path.name for path in (tmp_path / "out" / "dicom_seg").iterdir()] == ["one.seg.dcm"]


def test_a_contest_csv_of_dicoms_is_exported_with_its_images(tmp_path):
    write(tmp_path / "scans" / "one.dcm", hand(SIZE))
    with PredictionsWriter(tmp_path / "mine.csv") as table:
        table.write("one.dcm", masks())
    ask = ("export", "mine.csv", "-f", "dicom_seg", "-o", "out")
    done = handbone(*ask, "--images", "scans", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_back(tmp_path / "out" / "one.seg.dcm") == masks()
    without = handbone(*ask, "--overwrite", folder=tmp_path)
    assert without.returncode == 1 and "--images" in without.stderr
    assert read_back(tmp_path / "out" / "one.seg.dcm") == masks()


def test_annotation_tools_get_a_dicom_as_a_png_of_8_bits(tmp_path):
    write(tmp_path / "scans" / "one.dcm", hand(SIZE))
    with PredictionsWriter(tmp_path / "mine.csv") as table:
        table.write("one.dcm", masks())
    done = handbone("export", "mine.csv", "-f", "labelme", "-o", "out", "--images", "scans", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    copy = cv2.imread(str(tmp_path / "out" / "one.png"), cv2.IMREAD_UNCHANGED)
    assert copy.dtype == np.uint8 and copy.shape == SIZE and copy.max() == 255
    assert PATIENT["PatientName"] not in (tmp_path / "out" / "one.json").read_text()
    found = json.loads(
        handbone("data", "diff", "mine.csv", "out", "--images", "scans", "--json", folder=tmp_path).stdout
    )
    assert found["images"] == ["one.dcm"] and not found["changes"]


def test_data_check_and_help_know_dicom(tmp_path):
    write(tmp_path / "scans" / "one.dcm", hand(SIZE))
    (tmp_path / "scans" / "cut.dcm").write_bytes((tmp_path / "scans" / "one.dcm").read_bytes()[:5000])
    done = handbone("data", "check", "scans", "--json", folder=tmp_path)
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == 1 and {(f["file"], f["rule"]) for f in found if f["severity"] == "error"} == {
        ("cut.dcm", "unreadable-image")
    }
    for command in ("predict", "export"):
        assert "copies the patient's" in " ".join(handbone(command, "--help", folder=tmp_path).stdout.split())
