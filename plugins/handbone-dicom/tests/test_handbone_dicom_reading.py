"""DICOM radiographs as users have them: polarity, windows, tables, padding, depth, old files and broken ones."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import handbone_dicom
import numpy as np
import pytest
from dicom_files import HAND, PATIENT, by_window, hand, lut, write
from handbone_dicom.reading import read_header, read_radiograph
from pydicom import dcmread
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
)

from handbone.core.errors import HandboneError
from handbone.plugins import PluginManager

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_the_entry_point_names_the_module_with_the_hooks():
    groups = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert groups == {"handbone": {"dicom": handbone_dicom.__name__}}
    installed = {entry.name: entry for entry in entry_points(group="handbone")}
    if "dicom" in installed:
        assert installed["dicom"].load() is handbone_dicom


def test_it_registers_without_importing_pydicom():
    code = (
        "import sys, handbone_dicom; from handbone.plugins import PluginManager;"
        "p = PluginManager(entry_points=False); p.register(handbone_dicom, package='handbone-dicom', version='1');"
        "assert not p.problems, p.problems; assert p.get('reader', 'dicom');"
        "sys.exit(bool({'pydicom', 'highdicom'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)})


def test_a_window_is_applied_as_the_standard_says(tmp_path):
    radiograph = read_radiograph(write(tmp_path / "a.dcm", HAND, WindowCenter=1800, WindowWidth=2500))
    np.testing.assert_allclose(radiograph.image, by_window(HAND, 1800, 2500), atol=1e-6)
    assert radiograph.image.dtype == np.float32 and radiograph.bits == 12 and not radiograph.inverted


def test_of_several_windows_the_first_counts(tmp_path):
    several = {
        "WindowCenter": [1800, 500],
        "WindowWidth": [2500, 100],
        "WindowCenterWidthExplanation": ["bone", "skin"],
    }
    first = read_radiograph(write(tmp_path / "a.dcm", HAND, WindowCenter=1800, WindowWidth=2500))
    np.testing.assert_array_equal(read_radiograph(write(tmp_path / "b.dcm", HAND, **several)).image, first.image)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_window_functions_agree_with_pydicom(tmp_path, function):
    window = {"WindowCenter": 2100.5, "WindowWidth": 3000, "VOILUTFunction": function}
    path = write(tmp_path / "a.dcm", HAND, **window, RescaleSlope=2, RescaleIntercept=-100)
    dataset = dcmread(path)
    theirs = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    low, high = -100, 2 * 4095 - 100
    np.testing.assert_allclose(read_radiograph(path).image, (theirs - low) / (high - low), atol=1e-5)


@pytest.mark.parametrize(("centre", "width"), [("", ""), (100, 0), (100, 1), (100, -5)])
def test_windows_that_cannot_be_are_passed_over(tmp_path, centre, width):
    plain = read_radiograph(write(tmp_path / "a.dcm", HAND))
    odd = read_radiograph(write(tmp_path / "b.dcm", HAND, WindowCenter=centre, WindowWidth=width))
    np.testing.assert_array_equal(odd.image, plain.image)
    np.testing.assert_allclose(plain.image, (HAND - HAND.min()) / np.ptp(HAND), atol=1e-5)


def test_monochrome1_is_turned_round(tmp_path):
    window = {"WindowCenter": 1800, "WindowWidth": 2500}
    plain = read_radiograph(write(tmp_path / "a.dcm", HAND, **window))
    window["WindowCenter"] = 4095 - 1800 + 1
    turned = write(tmp_path / "b.dcm", 4095 - HAND, PhotometricInterpretation="MONOCHROME1", **window)
    np.testing.assert_allclose(read_radiograph(turned).image, plain.image, atol=1e-6)
    # The standard's own way is no oddity; a file that says the wrong one is.
    assert not read_radiograph(turned).inverted
    wrong = read_radiograph(write(tmp_path / "c.dcm", HAND, PhotometricInterpretation="MONOCHROME1"))
    assert wrong.inverted and wrong.image[60, 45] > 0.5


def test_a_voi_lut_goes_before_a_window(tmp_path):
    table = np.linspace(0, 1023, 4096) ** 2 / 1023
    item = lut(0, np.rint(table), 10)
    radiograph = read_radiograph(write(tmp_path / "a.dcm", HAND, VOILUTSequence=[item], WindowCenter=1, WindowWidth=2))
    np.testing.assert_allclose(radiograph.image, np.rint(table)[HAND] / 1023, atol=1e-6)


def test_a_modality_lut_and_a_voi_lut_follow_each_other(tmp_path):
    item, second = lut(0, np.arange(4096) // 16, 8), lut(0, 255 - np.arange(256), 8)
    radiograph = read_radiograph(
        write(
            tmp_path / "a.dcm",
            4095 - HAND,
            ModalityLUTSequence=[item],
            VOILUTSequence=[second],
        )
    )
    np.testing.assert_allclose(radiograph.image, (255 - (4095 - HAND.astype(int)) // 16) / 255, atol=1e-6)


def test_a_rescale_is_applied_before_the_window(tmp_path):
    path = write(tmp_path / "a.dcm", HAND, RescaleSlope=0.5, RescaleIntercept=10, WindowCenter=900, WindowWidth=1200)
    np.testing.assert_allclose(read_radiograph(path).image, by_window(HAND * 0.5 + 10, 900, 1200), atol=1e-6)


def test_bits_above_those_that_are_stored_do_not_count(tmp_path):
    window = {"WindowCenter": 1800, "WindowWidth": 2500}
    plain = read_radiograph(write(tmp_path / "a.dcm", HAND, **window))
    drawn_on = HAND | (np.indices(HAND.shape).sum(0) % 2 << 15).astype(np.uint16)
    np.testing.assert_array_equal(read_radiograph(write(tmp_path / "b.dcm", drawn_on, **window)).image, plain.image)


def test_signed_values(tmp_path):
    values = HAND.astype(np.int16) - 2048
    radiograph = read_radiograph(write(tmp_path / "a.dcm", values, WindowCenter=0, WindowWidth=3000))
    np.testing.assert_allclose(radiograph.image, by_window(values, 0, 3000), atol=1e-6)


def test_padding_is_black_and_does_not_set_the_range(tmp_path):
    padded = np.full((200, 160), 4000, np.uint16)
    padded[40:160, 35:125] = hand(top=1000) + 100
    radiograph = read_radiograph(write(tmp_path / "a.dcm", padded, PixelPaddingValue=4000))
    assert not radiograph.image[:40].any() and not radiograph.image[:, :35].any()
    hand_alone = padded[40:160, 35:125].astype(float)
    inside = (hand_alone - hand_alone.min()) / np.ptp(hand_alone)
    np.testing.assert_allclose(radiograph.image[40:160, 35:125], inside, atol=1e-5)
    ranged = write(tmp_path / "b.dcm", padded, PixelPaddingValue=4095, PixelPaddingRangeLimit=3900)
    np.testing.assert_array_equal(read_radiograph(ranged).image, radiograph.image)


@pytest.mark.parametrize("bits", [8, 10, 14, 16])
def test_any_depth(tmp_path, bits):
    top = 2**bits - 1
    window = {"WindowCenter": (top + 1) / 2, "WindowWidth": top + 1}
    values = hand(top=top).astype(np.uint8 if bits == 8 else np.uint16)
    radiograph = read_radiograph(write(tmp_path / "a.dcm", values, bits=bits, **window))
    assert radiograph.bits == bits
    np.testing.assert_allclose(radiograph.image, values / top, atol=1e-5)


def test_colour_becomes_grey(tmp_path):
    grey = hand(top=255).astype(np.uint8)
    window = {"WindowCenter": 128, "WindowWidth": 256}
    radiograph = read_radiograph(write(tmp_path / "a.dcm", np.dstack([grey] * 3), bits=8, **window))
    np.testing.assert_allclose(radiograph.image, grey / 255, atol=1e-5)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, None])
def test_files_without_preamble_are_read(tmp_path, syntax):
    plain = read_radiograph(write(tmp_path / "a.dcm", HAND, WindowCenter=1800, WindowWidth=2500))
    more = {} if syntax is None else {"syntax": syntax}
    path = write(tmp_path / "b.dcm", HAND, preamble=False, WindowCenter=1800, WindowWidth=2500, **more)
    assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_radiograph(path).image, plain.image)


def test_run_length_compression_is_read_as_it_comes(tmp_path):
    path = write(tmp_path / "a.dcm", HAND, WindowCenter=1800, WindowWidth=2500)
    plain = read_radiograph(path)
    dataset = dcmread(path)
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "b.dcm")
    np.testing.assert_array_equal(read_radiograph(tmp_path / "b.dcm").image, plain.image)


def test_a_compression_that_nothing_can_decode_says_what_to_install(tmp_path, monkeypatch):
    from handbone_dicom import compressed
    from pydicom.encaps import encapsulate

    path = write(tmp_path / "a.dcm", HAND)
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    dataset.PixelData = encapsulate([b"\xff\xd8 no pixels \xff\xd9"])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    monkeypatch.setattr(compressed, "_is_decodable", lambda syntax: False)
    with pytest.raises(HandboneError, match=r"a\.dcm: no installed package can decode JPEG Lossless.*pip install"):
        read_radiograph(path)
    monkeypatch.setattr(compressed, "_is_decodable", lambda syntax: True)
    with pytest.raises(HandboneError, match=r"a\.dcm: its pixels cannot be decoded as JPEG Lossless"):
        read_radiograph(path)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"NumberOfFrames": 3, "PixelData": HAND.tobytes() * 2}, "holds 3 images, and its pixels are enough for 2"),
        ({"NumberOfFrames": 0}, "holds 0 images"),
        ({"PixelData": None}, "without an image"),
        ({"Modality": "SEG"}, "contains masks instead of a radiograph"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "Palette"),
        ({"PixelData": HAND.tobytes()[:-200]}, "cannot be decoded"),
    ],
)
def test_files_that_are_no_radiograph_are_refused_by_name(tmp_path, tags, words):
    with pytest.raises(HandboneError, match=rf"x\.dcm: .*{words}"):
        read_radiograph(write(tmp_path / "x.dcm", HAND, **tags))


@pytest.mark.parametrize("kind", [["1.2.840", "1.2.841"], "Secret^Patient"])
def test_a_damaged_kind_of_file_is_not_quoted(tmp_path, kind):
    path = write(tmp_path / "x.dcm", HAND, SOPClassUID=kind, Rows=None, PixelData=None)
    for read in (read_header, read_radiograph):
        with pytest.raises(HandboneError, match=r"x\.dcm: is not a complete DICOM file") as caught:
            read(path)
        assert "Secret" not in str(caught.value)


def test_an_element_of_no_known_kind_is_damage(tmp_path):
    path = write(tmp_path / "a.dcm", HAND)
    data = path.read_bytes()
    columns = data.index(b"\x28\0\x11\0US")
    path.write_bytes(data[: columns + 4] + b"U\0" + data[columns + 6 :])
    with pytest.raises(HandboneError, match=r"a\.dcm: an element of its header is damaged \(NotImplementedError\)"):
        read_header(path)
    with pytest.raises(HandboneError, match=r"a\.dcm: .*Unknown Value Representation"):
        read_radiograph(path)


@pytest.mark.parametrize("kept", [0.0, 0.005, 0.05, 0.5, 0.99])
def test_cut_files_are_refused_by_name(tmp_path, kept):
    path = write(tmp_path / "x.dcm", HAND)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(HandboneError, match=r"x\.dcm: ") as caught:
        read_radiograph(path)
    assert not any(str(value) in str(caught.value) for value in PATIENT.values())


def test_other_files_are_refused_by_name(tmp_path):
    for number in range(20):
        path = tmp_path / "x.dcm"
        path.write_bytes(np.random.default_rng(number).bytes(3000))
        with pytest.raises(HandboneError, match=r"x\.dcm: "):
            read_radiograph(path)
    with pytest.raises(HandboneError, match=r"nowhere\.dcm: cannot be read: No such file"):
        read_radiograph(tmp_path / "nowhere.dcm")


def test_radiographs_are_known_by_their_first_bytes_and_other_dicoms_are_not(tmp_path):
    head = write(tmp_path / "1.2.3", HAND).read_bytes()[:512]
    assert handbone_dicom.recognises(head)
    assert not handbone_dicom.recognises(b"") and not handbone_dicom.recognises(head.replace(b"DICM", b"dicm"))
    digital = b"1.2.840.10008.5.1.4.1.1.1.1"
    others = [b"1.2.840.10008.1.3.10", *(b"1.2.840.10008.5.1.4." + part for part in (b"38.1", b"39.1", b"43.1"))]
    others += [
        b"1.2.840.10008.5.1.4.1.1." + part
        for part in (b"66.4", b"68.1", b"88.11", b"104.1", b"4.2", b"9.1.1", b"481.3", b"481.5")
    ]
    for other in others:
        assert not handbone_dicom.recognises(head.replace(digital, other))


def test_the_registry_gives_the_reader():
    plugins = PluginManager(entry_points=False)
    plugins.register(handbone_dicom, package="handbone-dicom", version="0.1.0")
    spec, settings = plugins.get("reader", "dicom")
    assert spec.extensions == (".dcm", ".dicom") and callable(spec.build(settings))
