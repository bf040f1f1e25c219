"""Readers and writers that do not do what they say: their contracts say so in words."""

from dataclasses import replace

import numpy as np
import pytest
from plugins_lying import complaints, plugin_of

from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.formats.image_files import read_image
from handbone.plugin_kit.contracts import NotGivenError, ReaderContract, WriterContract
from handbone.plugin_kit.contracts.toys import write_toy_image
from handbone.plugins.specs import ReaderSpec, WriterSpec


def swallow(path):
    try:
        return read_image(path)
    except HandboneError:
        return Radiograph(np.zeros((4, 4), np.float32), False, 8)


def nameless(path):
    try:
        return read_image(path)
    except HandboneError:
        raise HandboneError("cannot be read") from None


def changed(path, change):
    radiograph = read_image(path)
    return Radiograph(change(radiograph.image), radiograph.inverted, radiograph.bits)


COUNTER = []


def drifting(path):
    COUNTER.append(1)
    return changed(path, lambda image: np.clip(image + len(COUNTER) / 1000, 0, 1).astype(np.float32))


def overwriting(path):
    radiograph = read_image(path)
    path.write_bytes(path.read_bytes() + b" ")
    return radiograph


def by_name(path):
    return changed(path, lambda image: image * np.float32(0.5 if " " in path.name else 1.0))


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda path: read_image(path).image,
         "a reader must return a handbone.core.radiograph.Radiograph, but returned a ndarray"),
        (lambda path: changed(path, lambda i: i[None]),
         "the image must have the shape (H, W), but got (1, 96, 72)"),
        (lambda path: changed(path, np.float64), "the image must be float32, but got float64"),
        (lambda path: replace(read_image(path), spacing_mm=(0.1,)), "two positive lengths, but got (0.1,)"),
        (lambda path: changed(path, lambda i: i * 255), "values must be finite and lie in [0, 1], but they reach from"),
        (swallow, "a file cut to its half must be refused with a HandboneError that names the file, but it "
         "was read as"),
        (swallow, "an empty file must be refused"),
        (nameless, "but the error does not name it: cannot be read"),
        (lambda path: changed(path, lambda i: i) if path.read_bytes() else 1 / 0, "but a ZeroDivisionError came"),
        (overwriting, "a reader must leave the file as it is, but it was changed"),
        (by_name, "the same file must give the same image under any name, but it differs"),
        (lambda path: replace(read_image(path), spacing_mm=(np.nan, 0.1)), "two positive lengths, but got (nan, 0.1)"),
        (lambda path: changed(path, lambda i: i.tolist()), "the image must be a numpy array, but is a list"),
        (lambda path: changed(path, lambda i: i - np.float32(0.5)), "lie in [0, 1], but they reach from -"),
        (drifting, "the same file must give the same image under any name, but it differs"),
    ],
)  # fmt: skip
def test_lying_readers_are_found_out(read, words, tmp_path):
    spec = ReaderSpec(name="mine", summary="A format", extensions=(".png",), build=lambda settings: read)
    found = complaints(ReaderContract, spec, sample=write_toy_image(tmp_path / "sample.png"))
    assert any(words in reason for reason in found.values()), found


def test_an_honest_reader_passes_and_one_without_a_sample_is_told_so(tmp_path):
    spec = ReaderSpec(name="mine", summary="A format", extensions=(".png",), build=lambda settings: read_image)
    assert complaints(ReaderContract, spec, sample=write_toy_image(tmp_path / "sample.png")) == {}
    found = complaints(ReaderContract, spec)
    assert found and all("set sample = Path('tests/sample.ext')" in reason for reason in found.values())
    case = type("Bare", (ReaderContract,), {"plugin": plugin_of(spec), "name": "mine"})
    with pytest.raises(NotGivenError):
        case().test_a_cut_file_is_refused_by_name()
    found = complaints(ReaderContract, spec, sample=write_toy_image(tmp_path / "sample.tif"))
    assert found["extensions are those of the sample"].endswith("'.tif', but they are ('.png',)")


@pytest.mark.parametrize(
    ("recognises", "words"),
    [
        (lambda head: head.startswith(b"II*"), "the sample must be recognised, but it is not"),
        (lambda head: len(head) > 0, "random bytes must not be recognised, but it is taken for one of this format"),
        (lambda head: True, "an empty file must not be recognised, but it is taken for one of this format"),
    ],
)
def test_files_that_are_not_recognised_or_too_easily(recognises, words, tmp_path):
    spec = ReaderSpec(
        name="mine", summary="A", extensions=(".png",), recognises=recognises, build=lambda settings: read_image
    )
    found = complaints(ReaderContract, spec, sample=write_toy_image(tmp_path / "sample.png"))
    assert list(found.values()) == [words]


class TextWriter:
    """Run lengths in one text file per image; lying plugins change one thing."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, radiograph):
        (self.folder / f"{radiograph.name}.txt").write_text("\n".join(radiograph.masks.to_rle()) + "\n")

    def close(self):
        pass


class OneFile(TextWriter):
    def write(self, radiograph):
        (self.folder / "all.txt").write_text("\n".join(radiograph.masks.to_rle()) + "\n")


class Elsewhere(TextWriter):
    def write(self, radiograph):
        super().write(radiograph)
        (self.folder.parent / "index.txt").write_text("here")


class Silent(TextWriter):
    def write(self, radiograph):
        pass


class Numbered(TextWriter):
    count = 0

    def write(self, radiograph):
        type(self).count += 1
        (self.folder / f"{self.count}.txt").write_text("x")


class Strict(TextWriter):
    def write(self, radiograph):
        super().write(radiograph)
        assert radiograph.masks.present().any(), "there is no bone"


class Picky(TextWriter):
    def write(self, radiograph):
        raise HandboneError("is no DICOM file", where=radiograph.path.name)


@pytest.mark.parametrize(
    ("writer", "words"),
    [
        (OneFile, "two images must be written beside each other, but the masks of one of them are missing"),
        (Elsewhere, "a writer must stay in its folder, but it also wrote index.txt"),
        (Silent, "a written image must leave files that are not empty, but it left []"),
        (Numbered, "the same image must be written to the same files, but got"),
        (Strict, "there is no bone"),
        (Picky, "it rejects a PNG (hand 0.png: is no DICOM file); set sample"),
        (lambda folder: open, "a writer must have the method write, but has none"),
    ],
)
def test_lying_writers_are_found_out(writer, words):
    spec = WriterSpec(name="mine", summary="A format", build=lambda settings, *, folder: writer(folder))
    found = complaints(WriterContract, spec)
    assert any(words in reason for reason in found.values()), found


def test_an_honest_writer_passes(tmp_path):
    spec = WriterSpec(name="mine", summary="A format", build=lambda settings, *, folder: TextWriter(folder))
    assert complaints(WriterContract, spec) == {}
    assert complaints(WriterContract, spec, sample=write_toy_image(tmp_path / "sample.png")) == {}
