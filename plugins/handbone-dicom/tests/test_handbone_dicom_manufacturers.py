"""Headers as manufacturers and archives write them: tables, bits anywhere, shutters, frames, contradictions."""

import io
from pathlib import Path

import numpy as np
import pytest
from dicom_files import HAND, by_window, hand, lut, write
from handbone_dicom import compressed
from handbone_dicom.reading import read_header, read_radiograph
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG4HP41,
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from handbone.core.errors import HandboneError
from handbone.core.radiograph import ImageHeader

WINDOW = {"WindowCenter": 1800, "WindowWidth": 2500}
# A curve as manufacturers have them: 4096 entries, of 8, 12 or 16 bits.
CURVE = np.sqrt(np.linspace(0, 1, 4096))


def table(bits: int, *, says: int | None = None, packed: bool = False) -> Dataset:
    """A VOI LUT of so many bits; `says`: as many as its descriptor claims; packed: two entries of 8 bits in a word."""
    entries = np.rint(CURVE * (2**bits - 1))
    item = lut(0, entries, says or bits)
    if packed:
        item.add_new("LUTData", "OW", entries.astype(np.uint8).tobytes())
    return item


def read(path: Path, **tags):
    return read_radiograph(write(path, HAND, **tags))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("says", [None, 8, 16])
def test_a_voi_lut_is_read_at_the_width_that_it_has(tmp_path, bits, says):
    radiograph = read(tmp_path / "a.dcm", VOILUTSequence=[table(bits, says=says)])
    np.testing.assert_allclose(radiograph.image, CURVE[HAND], atol=1 / 255)


def test_entries_of_8_bits_may_be_packed_two_in_a_word(tmp_path):
    packed, words = table(8, packed=True), table(8)
    one = read(tmp_path / "a.dcm", VOILUTSequence=[packed])
    np.testing.assert_array_equal(one.image, read(tmp_path / "b.dcm", VOILUTSequence=[words]).image)
    np.testing.assert_allclose(one.image, CURVE[HAND], atol=1 / 255)


def empty() -> Dataset:
    return Dataset()


def without_data() -> Dataset:
    item = table(12)
    del item.LUTData
    return item


def too_short() -> Dataset:
    item = table(12)
    item.LUTData = item.LUTData[:100]
    return item


def constant() -> Dataset:
    return lut(0, np.full(4096, 7), 12)


@pytest.mark.parametrize("unusable", [empty, without_data, too_short, constant])
def test_a_table_that_cannot_be_used_is_passed_over_for_the_next_or_the_own_range(tmp_path, unusable):
    plain = read(tmp_path / "a.dcm")
    np.testing.assert_array_equal(read(tmp_path / "b.dcm", VOILUTSequence=[unusable()]).image, plain.image)
    np.testing.assert_array_equal(read(tmp_path / "c.dcm", ModalityLUTSequence=[unusable()]).image, plain.image)
    several = read(tmp_path / "d.dcm", VOILUTSequence=[unusable(), table(12)])
    np.testing.assert_allclose(several.image, CURVE[HAND], atol=1 / 255)
    windowed = read(tmp_path / "e.dcm", VOILUTSequence=[unusable()], **WINDOW)
    np.testing.assert_allclose(windowed.image, by_window(HAND, 1800, 2500), atol=1e-6)


def test_a_modality_lut_of_12_bits(tmp_path):
    entries = np.rint(CURVE * 4095)
    radiograph = read(
        tmp_path / "a.dcm", ModalityLUTSequence=[lut(0, entries, 12)], WindowCenter=2048, WindowWidth=4096
    )
    np.testing.assert_allclose(radiograph.image, entries[HAND] / 4095, atol=1e-3)


def test_the_first_entry_of_a_table_for_signed_values_may_be_negative(tmp_path):
    values = HAND.astype(np.int16) - 2048
    item = lut(0, np.rint(CURVE * 4095), 12)
    item.add_new("LUTDescriptor", "SS", [4096, -2048, 12])
    radiograph = read_radiograph(write(tmp_path / "a.dcm", values, VOILUTSequence=[item]))
    np.testing.assert_allclose(radiograph.image, CURVE[HAND], atol=1 / 255)


def test_a_window_that_shows_nothing_is_passed_over(tmp_path):
    plain = read(tmp_path / "a.dcm")
    for centre in (-5000, 40000):
        odd = read(tmp_path / "b.dcm", WindowCenter=centre, WindowWidth=100)
        np.testing.assert_array_equal(odd.image, plain.image)
    second = read(tmp_path / "c.dcm", WindowCenter=[-5000, 1800], WindowWidth=[100, 2500])
    np.testing.assert_allclose(second.image, by_window(HAND, 1800, 2500), atol=1e-6)


@pytest.mark.parametrize("high", [11, 13, 15])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_stored_bits_lie_where_the_header_says(tmp_path, high, signed, compressed):
    values = HAND.astype(np.int32) - (2048 if signed else 0)
    shifted = ((values << (high - 11)) & 0xFFFF).astype(np.uint16).view(np.int16 if signed else np.uint16)
    path = write(tmp_path / "a.dcm", shifted, HighBit=high, WindowCenter=-248 if signed else 1800, WindowWidth=2500)
    if compressed:
        dataset = dcmread(path)
        dataset.compress(RLELossless)
        dataset.save_as(path)
    radiograph = read_radiograph(path)
    np.testing.assert_allclose(radiograph.image, by_window(HAND, 1800, 2500), atol=1e-6)
    assert radiograph.bits == 12


def test_a_high_bit_that_the_values_contradict_is_not_obeyed(tmp_path):
    plain, wrong = read(tmp_path / "a.dcm", **WINDOW), read(tmp_path / "b.dcm", HighBit=15, **WINDOW)
    np.testing.assert_array_equal(wrong.image, plain.image)


def test_several_frames_are_several_images(tmp_path):
    frames = np.stack([HAND, HAND[::-1], HAND[:, ::-1]])
    path = write(tmp_path / "a.dcm", HAND, NumberOfFrames=3, PixelData=frames.tobytes(), **WINDOW)
    assert read_header(path) == ImageHeader(HAND.shape, 3)
    for number, values in enumerate(frames, start=1):
        np.testing.assert_allclose(read_radiograph(path, number).image, by_window(values, 1800, 2500), atol=1e-6)
    with pytest.raises(HandboneError, match=r"a\.dcm: it holds 3 images, and no image 4"):
        read_radiograph(path, 4)


def test_a_number_of_frames_that_is_none_is_refused(tmp_path):
    path = write(tmp_path / "a.dcm", HAND, NumberOfFrames=10)
    path.write_bytes(path.read_bytes().replace(b"IS\x02\x0010", b"IS\x02\x001A"))
    for reading in (read_radiograph, read_header):
        with pytest.raises(HandboneError, match=r"a\.dcm: its header says that it holds 1A images"):
            reading(path)


def test_a_palette_becomes_grey(tmp_path):
    grey = hand(top=255).astype(np.uint8)
    ramp = (np.arange(256) * 257).astype("<u2").tobytes()
    colours = {
        f"{colour}PaletteColorLookupTable{what}": value
        for colour in ("Red", "Green", "Blue")
        for what, value in (("Descriptor", [256, 0, 16]), ("Data", ramp))
    }
    path = write(tmp_path / "a.dcm", grey, bits=8, PhotometricInterpretation="PALETTE COLOR", **colours)
    np.testing.assert_allclose(read_radiograph(path).image, grey / 255, atol=1e-4)


SHUTTERS = {
    "rectangular": {
        "ShutterShape": "RECTANGULAR",
        "ShutterLeftVerticalEdge": 11,
        "ShutterRightVerticalEdge": 80,
        "ShutterUpperHorizontalEdge": 21,
        "ShutterLowerHorizontalEdge": 110,
    },
    "circular": {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [61, 46], "RadiusOfCircularShutter": 50},
    "polygonal": {
        "ShutterShape": "POLYGONAL",
        "VerticesOfThePolygonalShutter": [21, 11, 21, 80, 110, 80, 110, 11],
    },
}


@pytest.mark.parametrize("shape", SHUTTERS)
def test_what_a_shutter_hides_is_black_and_has_no_say(tmp_path, shape):
    rows, columns = np.indices(HAND.shape) + 1
    inside = (rows >= 21) & (rows <= 110) & (columns >= 11) & (columns <= 80)
    if shape == "circular":
        inside = (rows - 61) ** 2 + (columns - 46) ** 2 <= 50**2
    # The frame of a scanned film, white and brighter than all else.
    values = np.where(inside, HAND // 2, 4095).astype(np.uint16)
    radiograph = read_radiograph(write(tmp_path / "a.dcm", values, **SHUTTERS[shape]))
    assert not radiograph.inverted and not radiograph.image[~inside].any()
    assert radiograph.image[inside].max() == 1
    windowed = read_radiograph(write(tmp_path / "b.dcm", HAND, **SHUTTERS[shape], **WINDOW))
    np.testing.assert_allclose(windowed.image, np.where(inside, by_window(HAND, 1800, 2500), 0), atol=1e-6)


@pytest.mark.parametrize("left", [89, "x"])
def test_a_shutter_that_hides_all_is_a_mistake(tmp_path, left):
    shutter = SHUTTERS["rectangular"] | {"ShutterLeftVerticalEdge": left if left != "x" else None}
    shutter = {name: value for name, value in shutter.items() if value is not None}
    odd = read(tmp_path / "a.dcm", **shutter, **WINDOW)
    np.testing.assert_array_equal(odd.image, read(tmp_path / "b.dcm", **WINDOW).image)


@pytest.mark.parametrize(
    ("tags", "rules"),
    [
        ({}, set()),
        ({"BodyPartExamined": "HAND", "ViewPosition": "PA"}, set()),
        ({"BodyPartExamined": "wrist"}, set()),
        ({"BodyPartExamined": "CHEST"}, {"body-part"}),
        ({"Modality": "CT"}, {"modality"}),
        ({"Modality": "MG", "BodyPartExamined": "BREAST"}, {"modality", "body-part"}),
        ({"ViewPosition": "LL"}, {"view"}),
        ({"BodyPartExamined": "Secret^Patient"}, set()),
    ],
)
def test_what_the_header_says_against_a_hand_is_remarked(tmp_path, tags, rules):
    radiograph = read(tmp_path / "a.dcm", **tags)
    assert {remark.rule for remark in radiograph.remarks} == rules
    assert all(
        value in " ".join(r.message for r in radiograph.remarks) for value in tags.values() if len(rules) == len(tags)
    )


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({}, ""),
        ({"Laterality": "L"}, "L"),
        ({"ImageLaterality": "R", "Laterality": "L"}, "R"),
        ({"ImageLaterality": "B"}, ""),
        # From the palm a right hand looks like a left one.
        ({"Laterality": "L", "ViewPosition": "AP"}, ""),
    ],
)
def test_the_side_is_told_where_the_view_can_confirm_it(tmp_path, tags, side):
    assert read(tmp_path / "a.dcm", **tags).laterality == side


BOTH = {"ImagerPixelSpacing": [0.15, 0.15]}
DIVIDED = "ImagerPixelSpacing / EstimatedRadiographicMagnificationFactor"


@pytest.mark.parametrize(
    ("tags", "spacing", "source", "flagged"),
    [
        ({}, None, "", False),
        ({"PixelSpacing": [0.1, 0.2]}, (0.1, 0.2), "PixelSpacing", False),
        (BOTH | {"PixelSpacing": [0.13, 0.13]}, (0.13, 0.13), "PixelSpacing", False),
        (
            BOTH | {"PixelSpacing": [0.15, 0.15], "PixelSpacingCalibrationType": "FIDUCIAL"},
            (0.15, 0.15),
            "PixelSpacing (FIDUCIAL)",
            False,
        ),
        # The same at both places is no calibration.
        (BOTH | {"PixelSpacing": [0.15, 0.15]}, (0.15, 0.15), "ImagerPixelSpacing", True),
        (BOTH | {"EstimatedRadiographicMagnificationFactor": 1.25}, (0.12, 0.12), DIVIDED, False),
        (BOTH | {"EstimatedRadiographicMagnificationFactor": 0}, (0.15, 0.15), "ImagerPixelSpacing", True),
        (BOTH, (0.15, 0.15), "ImagerPixelSpacing", True),
        ({"NominalScannedPixelSpacing": [0.2, 0.2]}, (0.2, 0.2), "NominalScannedPixelSpacing", True),
    ],
)
def test_a_spacing_says_where_it_comes_from(tmp_path, tags, spacing, source, flagged):
    radiograph = read(tmp_path / "a.dcm", **tags)
    assert radiograph.spacing_mm == (None if spacing is None else pytest.approx(spacing))
    assert radiograph.spacing_source == source
    assert ("spacing" in {remark.rule for remark in radiograph.remarks}) is flagged


def test_files_that_are_something_else_are_named(tmp_path):
    path = tmp_path / "a.dcm"
    for data, words in (
        (b"<!DOCTYPE html><html>log in</html>", "this is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "this is a pointer to a file in Git LFS"),
        (b"PK\x03\x04" + bytes(200), "this is a zip archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "this is a PNG file, and no DICOM file"),
    ):
        path.write_bytes(data)
        with pytest.raises(HandboneError, match=rf"a\.dcm: {words}"):
            read_radiograph(path)
    directory = (
        write(path, HAND)
        .read_bytes()
        .replace(b"1.2.840.10008.5.1.4.1.1.1.1\0", b"1.2.840.10008.1.3.10\0\0\0\0\0\0\0\0")
    )
    path.write_bytes(directory)
    with pytest.raises(HandboneError, match=r"a\.dcm: this is the directory of a DICOM disk.*give the folder"):
        read_radiograph(path)


def test_a_deflated_file_is_read_and_one_that_becomes_huge_is_refused(tmp_path, monkeypatch):
    from handbone_dicom import deflated

    plain = read(tmp_path / "a.dcm", **WINDOW)
    path = write(tmp_path / "b.dcm", HAND, syntax=DeflatedExplicitVRLittleEndian, **WINDOW)
    np.testing.assert_array_equal(read_radiograph(path).image, plain.image)
    monkeypatch.setattr(deflated, "_MOST_BYTES", 10_000)
    with pytest.raises(HandboneError, match=r"b\.dcm: it is deflated, and becomes larger than"):
        read_radiograph(path)


def windowed(centre: float, width: float, **more) -> Dataset:
    """A functional group that says how a frame is shown."""
    window, group = Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth = centre, width
    group.FrameVOILUTSequence = [window]
    for name, value in more.items():
        setattr(group, name, value)
    return group


def item(**elements) -> Dataset:
    dataset = Dataset()
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def test_frames_of_an_enhanced_file_are_shown_as_their_own_groups_say(tmp_path):
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.1, 0.2])],
        PixelValueTransformationSequence=[item(RescaleSlope=0.5, RescaleIntercept=10)],
    )
    path = write(
        tmp_path / "a.dcm",
        HAND,
        NumberOfFrames=2,
        PixelData=np.stack([HAND, HAND[::-1]]).tobytes(),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[windowed(900, 1200), windowed(500, 700)],
    )
    for frame, (values, window) in enumerate(((HAND, (900, 1200)), (HAND[::-1], (500, 700))), start=1):
        radiograph = read_radiograph(path, frame)
        np.testing.assert_allclose(radiograph.image, by_window(values * 0.5 + 10, *window), atol=1e-6)
        assert radiograph.spacing_mm == (0.1, 0.2)
    alone = read(tmp_path / "b.dcm", SharedFunctionalGroupsSequence=[windowed(1800, 2500)])
    np.testing.assert_allclose(alone.image, by_window(HAND, 1800, 2500), atol=1e-6)
    odd = read(tmp_path / "c.dcm", **WINDOW, SharedFunctionalGroupsSequence=[item(FrameVOILUTSequence=[])])
    np.testing.assert_allclose(odd.image, by_window(HAND, 1800, 2500), atol=1e-6)


def encoded(path: Path, data: bytes, syntax: UID, values: np.ndarray = HAND, **tags) -> Path:
    """A file whose pixels are these coded bytes."""
    dataset = dcmread(write(path, values, **tags))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([data])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    return path


def by_pillow(values: np.ndarray, kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind, **options)
    return file.getvalue()


def test_a_jpeg_that_is_cut_is_refused_in_a_dicom_file_too(tmp_path, monkeypatch):
    grey = hand(top=255).astype(np.uint8)
    whole = by_pillow(grey, "JPEG", quality=95)
    path = encoded(tmp_path / "a.dcm", whole, JPEGBaseline8Bit, grey, bits=8)
    np.testing.assert_allclose(read_radiograph(path).image, grey / 255, atol=0.05)
    half = whole[: len(whole) // 2].rstrip(b"\xff")
    for data in (half, half + b"\xff\xd9"):
        with pytest.raises(
            HandboneError, match=r"b\.dcm: its pixels, JPEG Baseline .*, are truncated or damaged; copy"
        ):
            read_radiograph(encoded(tmp_path / "b.dcm", data, JPEGBaseline8Bit, grey, bits=8))
    monkeypatch.setattr(compressed, "_is_decodable", lambda syntax: True)
    for syntax in (JPEGLosslessSV1, JPEGLSLossless):
        with pytest.raises(HandboneError, match=r"c\.dcm: its pixels, .*, are truncated or damaged"):
            read_radiograph(encoded(tmp_path / "c.dcm", b"\xff\xd8 no end", syntax))


def test_a_jpeg_2000_stream_knows_its_depth_better_than_the_header(tmp_path):
    deep = by_pillow(HAND * 16, "JPEG2000", no_jp2=True)
    radiograph = read_radiograph(encoded(tmp_path / "a.dcm", deep, JPEG2000Lossless))
    np.testing.assert_allclose(radiograph.image, HAND / 4095, atol=1e-4)
    assert radiograph.bits == 16 and not radiograph.inverted


@pytest.mark.parametrize(
    ("syntax", "words"),
    [
        (UID("1.2.3.4.5"), "its transfer syntax 1.2.3.4.5 is not known; export the image again"),
        (MPEG4HP41, "it holds a film .*; export single images"),
    ],
)
def test_a_coding_of_no_image_says_what_helps(tmp_path, syntax, words):
    with pytest.raises(HandboneError, match=rf"a\.dcm: {words}"):
        read_radiograph(encoded(tmp_path / "a.dcm", b"data", syntax))
