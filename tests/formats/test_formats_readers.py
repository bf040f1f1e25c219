"""Readers of plugins: files of a format of their own, known by extension or by their first bytes."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_toys import draw, toy_hand, write_hand

import handbone.plugins
from handbone.core.errors import HandboneError
from handbone.core.radiograph import ImageHeader, Radiograph
from handbone.data.audit.check import check_dataset
from handbone.data.cache import ImageCache
from handbone.data.dataset import open_dataset
from handbone.formats.image_files import is_image, read_image, size_of, stem_of
from handbone.formats.image_search import find_images
from handbone.plugins import PluginManager, ReaderSpec, hookimpl
from handbone.recipe.schema import Data
from handbone.workflows.members import image_sizes
from handbone.workflows.outputs import file_stems

MAGIC = b"RAWHAND"
GREY = draw(toy_hand())


def read_raw(path: Path) -> Radiograph:
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise HandboneError("not a raw hand", where=path)
    height, width = np.frombuffer(data[7:15], np.uint32)
    values = np.frombuffer(data[15:], np.uint8).reshape(height, width)
    return Radiograph(values / np.float32(255), False, 8, (0.14, 0.15))


class Raw:
    """A plugin that reads `.raw` and `.hand`, and files that begin as those do."""

    extensions = (".raw", ".hand")

    def __init__(self, recognises=lambda head: head.startswith(MAGIC)):
        self.recognises = recognises

    @hookimpl
    def handbone_readers(self):
        spec = ReaderSpec(
            name="raw",
            summary="raw hands",
            extensions=self.extensions,
            recognises=self.recognises,
            build=lambda settings: read_raw,
        )
        return [spec]


class Tiffs(Raw):
    extensions = (".tif",)


@pytest.fixture
def plugins(monkeypatch):
    manager = PluginManager(entry_points=False)
    manager.register(Raw(), package="handbone-raw", version="1.0")
    monkeypatch.setattr(handbone.plugins, "registry", lambda: manager)
    return manager


def write_raw(path: Path, values=GREY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(MAGIC + np.array(values.shape, np.uint32).tobytes() + values.tobytes())
    return path


def test_files_of_a_plugins_extension_are_images_like_any_other(plugins, tmp_path):
    path = write_raw(tmp_path / "hands" / "a.RAW", GREY[:200])
    cv2.imwrite(str(tmp_path / "hands" / "b.png"), GREY)
    (tmp_path / "hands" / "notes.txt").write_text("no hand")
    assert [image.key for image in find_images([tmp_path / "hands"]).images] == ["a.RAW", "b.png"]
    image = read_image(path)
    assert image.size_hw == size_of(path) == (200, 256) and image.spacing_mm == (0.14, 0.15)
    np.testing.assert_array_equal(ImageCache(tmp_path / "cache").open(path), GREY[:200])
    assert image_sizes(tmp_path / "hands", ["a.RAW", "b.png", "c"]) == {"a.RAW": (200, 256), "b.png": (256, 256)}
    assert read_image(tmp_path / "hands" / "b.png").spacing_mm is None


def test_files_without_a_known_extension_are_known_by_their_first_bytes(plugins, tmp_path):
    named = [write_raw(tmp_path / name) for name in ("1.2.840.113.1", "1.2.840.113.2", "IM0001")]
    (tmp_path / "README").write_text("about these hands")
    assert [image.path for image in find_images([tmp_path]).images] == named
    assert read_image(named[0]).size_hw == GREY.shape
    assert not is_image(tmp_path / "README")
    assert [stem_of(path) for path in named] == ["1.2.840.113.1", "1.2.840.113.2", "IM0001"]
    assert file_stems([*(path.name for path in named), "a.raw", "x.png", "x.tif", "y/x.tif"]) == {
        **{path.name: path.name for path in named},
        "a.raw": "a",
        "x.png": "x.png",
        "x.tif": "x.tif",
        "y/x.tif": "y/x",
    }


def test_a_file_that_nobody_knows_is_tried_by_the_built_in_reader(plugins, tmp_path):
    assert cv2.imwrite(str(tmp_path / "a.png"), GREY)
    (tmp_path / "a.png").rename(tmp_path / "a.scan")
    assert read_image(tmp_path / "a.scan").size_hw == size_of(tmp_path / "a.scan") == GREY.shape
    (tmp_path / "text").write_text("no hand")
    with pytest.raises(HandboneError, match="text: this is a text file"):
        read_image(tmp_path / "text")
    with pytest.raises(HandboneError, match=r"nowhere: cannot be read"):
        read_image(tmp_path / "nowhere")


def test_a_dicom_without_its_plugin_says_which_one_reads_it(tmp_path):
    (tmp_path / "x").write_bytes(bytes(128) + b"DICM" + bytes(400))
    with pytest.raises(HandboneError, match=r"x: this is a DICOM file; pip install handbone-dicom"):
        read_image(tmp_path / "x")


def test_what_a_file_holds_counts_more_than_its_extension(plugins, tmp_path):
    """Archives and people rename files; a plugin that fails on other files costs none of the usual ones."""
    assert cv2.imwrite(str(tmp_path / "a.png"), GREY)
    (tmp_path / "a.png").rename(tmp_path / "a.raw")
    write_raw(tmp_path / "b.png", GREY[:100])
    assert [image.key for image in find_images([tmp_path]).images] == ["a.raw", "b.png"]
    assert read_image(tmp_path / "a.raw").size_hw == size_of(tmp_path / "a.raw") == GREY.shape
    assert read_image(tmp_path / "b.png").size_hw == (100, 256)
    plugins.register(Tiffs(recognises=lambda head: head[10**6] == 0), package="handbone-tiffs", version="2.0")
    assert cv2.imwrite(str(tmp_path / "c.png"), GREY)
    assert read_image(tmp_path / "c.png").size_hw == GREY.shape


def test_a_header_that_claims_any_number_of_images_takes_no_time(tmp_path, monkeypatch):
    class Many(Raw):
        @hookimpl
        def handbone_readers(self):
            [spec] = super().handbone_readers()
            return [dataclasses.replace(spec, header=lambda path: ImageHeader((8, 8), 10**9))]

    manager = PluginManager(entry_points=False)
    manager.register(Many(), package="handbone-raw", version="1.0")
    monkeypatch.setattr(handbone.plugins, "registry", lambda: manager)
    path = write_raw(tmp_path / "a.raw")
    assert [image.path for image in find_images([tmp_path]).images] == [path]
    with pytest.raises(HandboneError, match=r"a\.raw: it holds more than 1000 images; split it"):
        read_image(path)


def test_two_readers_of_an_extension_matter_only_where_such_a_file_is_read(plugins, tmp_path):
    plugins.register(Tiffs(), package="handbone-tiffs", version="2.0")
    for name in ("a.png", "b.tif"):
        cv2.imwrite(str(tmp_path / name), GREY)
    assert read_image(tmp_path / "a.png").size_hw == GREY.shape
    assert [image.key for image in find_images([tmp_path]).images] == ["a.png", "b.tif"]
    with pytest.raises(HandboneError, match=r"b\.tif: this file can be read by handbone and handbone-tiffs; disable"):
        read_image(tmp_path / "b.tif")


def test_a_plugin_that_fails_on_first_bytes_is_named(tmp_path, monkeypatch):
    manager = PluginManager(entry_points=False)
    manager.register(Raw(recognises=lambda head: head[10**6] == 0), package="handbone-raw", version="1.0")
    monkeypatch.setattr(handbone.plugins, "registry", lambda: manager)
    (tmp_path / "x").write_text("no hand")
    with pytest.raises(HandboneError, match=r"reader 'raw' of handbone-raw 1\.0 failed.*IndexError"):
        read_image(tmp_path / "x")


def test_the_contest_layout_pairs_such_images_with_their_annotations(plugins, tmp_path):
    for name in ("1.2.840.1", "1.2.840.2.raw", "plain"):
        path = write_hand(tmp_path, "train", "ID001", name)
        write_raw(path.with_name(name))
        path.unlink()
    annotations = tmp_path / "train" / "outputs_json" / "ID001"
    (annotations / "1.2.840.2.raw.json").rename(annotations / "1.2.840.2.json")
    dataset = open_dataset(Data(path=str(tmp_path)))
    assert [s.name for s in dataset.labelled("train")] == ["1.2.840.1", "1.2.840.2.raw", "plain"]
    assert all(len(dataset.labels(sample).polygons) == 29 for sample in dataset.samples)
    assert {f.rule for f in check_dataset(dataset) if f.severity == "error"} == set()


def test_patients_of_images_named_by_numbers_are_told_apart(plugins, tmp_path):
    for name in ("1.2.840.1", "1.2.840.2", "hand_L.raw", "hand_R.raw"):
        write_raw(tmp_path / name)
    (tmp_path / "broken.raw").write_bytes(b"cut")
    dataset = open_dataset(Data(path=str(tmp_path)))
    assert {s.name: s.patient_id for s in dataset.samples} == {
        **{name: name for name in ("1.2.840.1", "1.2.840.2")},
        **{name: "hand" for name in ("hand_L.raw", "hand_R.raw")},
        "broken.raw": "broken",
    }
    assert "broken.raw" in json.dumps([f.to_json() for f in check_dataset(dataset) if f.rule == "unreadable-image"])


def test_a_new_version_of_a_reader_decodes_anew(plugins, tmp_path, monkeypatch):
    path, cache = write_raw(tmp_path / "a.raw"), ImageCache(tmp_path / "cache")
    cache.open(path)
    newer = PluginManager(entry_points=False)
    newer.register(Raw(), package="handbone-raw", version="2.0")
    monkeypatch.setattr(handbone.plugins, "registry", lambda: newer)
    cache.open(path)
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 2


def test_importing_the_images_module_loads_no_plugin():
    code = "import sys, handbone.formats.image_files; sys.exit('handbone.plugins' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
