"""Folders as users bring them: which files are radiographs, what they are called, and what is said of the rest."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from handbone.core.errors import HandboneError
from handbone.core.written import Written
from handbone.formats.image_search import find_images
from handbone.formats.own_png import encode_png
from handbone.workflows.outputs import file_stems

GREY = np.tile(np.arange(128, dtype=np.uint8), (96, 1))


def image(path, extension=None):
    """An image file of the kind that its extension says, or another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(extension or path.suffix, GREY)
    assert done
    path.write_bytes(data.tobytes())
    return path


def touch(path, data=b"\0" * 600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def archive(root):
    for place in ("ST1/SE1/IM0001", "ST1/SE2/IM0001", "ST2/SE1/IM0001"):
        image(root / place, ".jpg")
    touch(root / "DICOMDIR", b"\0" * 128 + b"DICM" + b"\0" * 400)
    return ["ST1/SE1/IM0001", "ST1/SE2/IM0001", "ST2/SE1/IM0001"], {"DICOM files": 1}


def mac_zip(root):
    image(root / "hands" / "a.png")
    touch(root / "hands" / "._a.png", b"\x00\x05\x16\x07" + b"\0" * 100)
    touch(root / "__MACOSX" / "hands" / "._a.png")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        touch(root / name)
    return ["hands/a.png"], {"hidden or system files": 5}


def network_disk(root):
    image(root / "hands" / "a.png")
    names = ["@eaDir/a.png/SYNOFILE_THUMB_M.png", "#recycle/b.png", "#snapshot/c.png", "~$d.png"]
    for name in [*names, "~snapshot/e.png", "Temporary Items/f.png"]:
        image(root / "hands" / name)
    return ["hands/a.png"], {"hidden or system files": 6}


def mixed_formats(root):
    names = ["a.png", "b.bmp", "c.webp", "e.jpg", "f.JPEG", "g.tif", "h.TIFF", "i.jp2", "j.pgm"]
    for name in names:
        image(root / name)
    image(root / "d.jfif", ".jpg")
    return sorted([*names, "d.jfif"]), {}


def no_extension(root):
    for name, kind in (("1.2.840.1", ".png"), ("IM2", ".tif"), ("scan.old", ".bmp"), ("x.dat", ".webp")):
        image(root / name, kind)
    touch(root / "README", b"BM is how this text begins, and it is no bitmap")
    return ["1.2.840.1", "IM2", "scan.old", "x.dat"], {"other files": 1}


def dicom_without_plugin(root):
    image(root / "a.png")
    for number in range(41):
        touch(root / f"IM{number:04}", b"\0" * 128 + b"DICM" + b"\0" * 400)
    touch(root / "b.dcm")
    return ["a.png"], {"DICOM files": 42}


def formats_of_others(root):
    image(root / "a.png")
    names = "a.heic b.nef c.nii.gz d.pdf e.zip f.psd g.mov h.jxl i.pptx notes.txt t.csv"
    for name in names.split():
        touch(root / name)
    kinds = ["HEIC or AVIF files", "camera raw files", "NIfTI, NRRD or MetaImage volumes", "PDF documents", "archives"]
    kinds += ["SVG, PSD or OpenEXR files", "videos", "JPEG XL files", "Office documents"]
    return ["a.png"], {kind: 1 for kind in kinds} | {"other files": 2}


def links(root):
    image(root / "a" / "x.png")
    (root / "a" / "loop").symlink_to("..")
    (root / "b").symlink_to("a", target_is_directory=True)
    (root / "c.png").symlink_to("a/x.png")
    (root / "gone.png").symlink_to("nowhere.png")
    (root / "itself.png").symlink_to("itself.png")
    return ["a/x.png", "c.png"], {"links to folders that were searched already": 2, "links to nothing": 2}


def linked_disk(root):
    image(root.with_name("disk") / "p1" / "x.png")
    (root / "disk").symlink_to("../disk", target_is_directory=True)
    return ["disk/p1/x.png"], {}


def pipes(root):
    image(root / "a.png")
    os.mkfifo(root / "pipe.png")
    return ["a.png"], {"special files such as pipes": 1}


def other_encodings(root):
    image(root / "ok-ä-手.png")
    image(root / os.fsdecode(b"caf\xe9.png"))
    image(root / os.fsdecode(b"caf\xe9%.png"))
    image(root / "caf%E9.png")
    return ["caf%E9%25.png", "caf%E9.png", "caf%E9.png~", "ok-ä-手.png"], {}


def odd_names(root):
    names = ["[red]x[/cut].png", "=1+1.png", "a\nb.png", "a b .png", "-o.png", "'\".png", "x\\y.png", "\x1b[31m.png"]
    for name in names:
        image(root / name)
    return sorted(names), {}


def own_results(root):
    image(root / "a.png")
    touch(root / "out" / "overlays" / "a.png", encode_png(GREY, compression=1))
    touch(root / "copied" / "a.png", encode_png(np.dstack([GREY] * 3), compression=1))
    for name in ("x.jpg", "deep/y.png"):
        image(root / "out" / name)
    Written.of("predictions", root / "out", [root / "out" / "x.jpg", root / "out" / "deep" / "y.png"]).write(
        root / "out"
    )
    image(root / "out" / "mine.png")
    return ["a.png", "out/mine.png"], {"results of handbone": 5}


def a_run(root):
    image(root / "a.png")
    image(root / "runs" / "tiny" / "steps" / "synthetic" / "set" / "x.png")
    touch(root / "runs" / "tiny" / "recipe.toml")
    return ["a.png"], {"results of handbone": 1}


def rubbish(root):
    image(root / "a.png")
    for number, data in enumerate((b"", b"\x00", b"BM", b"\xff\xd8", b"RIFF", os.urandom(700), b"II*")):
        touch(root / f"rubbish{number}", data)
    (root / "empty").mkdir()
    return ["a.png"], {"other files": 7}


def deep(root):
    place = root
    for _ in range(300):
        place = place / "d"
    image(place / "a.png")
    return ["d/" * 300 + "a.png"], {}


KINDS = [
    archive,
    mac_zip,
    network_disk,
    mixed_formats,
    no_extension,
    dicom_without_plugin,
    formats_of_others,
    links,
    linked_disk,
]
KINDS += [pipes, other_encodings, odd_names, own_results, a_run, rubbish, deep]


@pytest.mark.skipif(os.name == "nt", reason="names and links that Windows does not have")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_radiograph_is_found_and_the_rest_is_counted_by_kind(kind, tmp_path):
    root = tmp_path / "given"
    root.mkdir()
    keys, others = kind(root)
    found = find_images([root])
    assert [image.key for image in found.images] == keys
    assert {each.kind.many: len(each.paths) for each in found.passed_over} == others
    for image_file in found.images:
        assert image_file.path.read_bytes(), "the path is the real one"
        image_file.key.encode("utf-8")
    assert len(set(file_stems(keys).values())) == len(keys)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nobody is kept out of a folder here")
def test_a_closed_folder_is_named(tmp_path):
    image(tmp_path / "a.png")
    (tmp_path / "closed").mkdir(mode=0)
    [closed] = find_images([tmp_path]).passed_over
    assert "1 folder that cannot be opened: ask its owner" in str(closed)


def test_what_is_passed_over_says_what_would_read_it(tmp_path):
    dicom_without_plugin(tmp_path)
    touch(tmp_path / "a.csv")
    told = [str(each) for each in find_images([tmp_path]).passed_over]
    assert "42 DICOM files: install the handbone-dicom plugin" in told and "1 other file (.csv)" in told
    for path in tmp_path.glob("a.*"):
        path.unlink()
    with pytest.raises(HandboneError, match=r"no radiograph in this folder \(ignored: 42 DICOM files: install"):
        find_images([tmp_path])


def given(tmp_path):
    for name in ("p1/wrist.png", "p2/wrist.png", "p2/more/x.png"):
        image(tmp_path / name)


@pytest.mark.parametrize(
    ("paths", "keys"),
    [
        (["p1"], ["wrist.png"]),
        (["p1/wrist.png"], ["wrist.png"]),
        (["p1", "p2"], ["p1/wrist.png", "p2/more/x.png", "p2/wrist.png"]),
        (["p1/wrist.png", "p2/wrist.png"], ["p1/wrist.png", "p2/wrist.png"]),
        (["p2", "p2/more", "p2/more/x.png", "p1/../p2"], ["more/x.png", "wrist.png"]),
        (["p2/wrist.png", "p2/wrist.png"], ["wrist.png"]),
        ([".", "p1"], ["p1/wrist.png", "p2/more/x.png", "p2/wrist.png"]),
    ],
)
def test_a_key_is_the_path_relative_to_what_was_given(paths, keys, tmp_path, monkeypatch):
    given(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = find_images(map(Path, paths)).images
    assert [each.key for each in found] == keys and all(each.path.is_file() for each in found)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file or folder; check the path"),
        (lambda path: path.mkdir(), "no radiograph in this folder; give a folder with PNG"),
        (
            lambda path: touch(path, encode_png(GREY, compression=1)),
            "this image was drawn by handbone; give the original radiograph",
        ),
        (os.mkfifo, "neither a file nor a folder"),
    ],
)
def test_what_is_given_by_mistake_is_refused_with_a_remedy(make, words, tmp_path):
    make(tmp_path / "x")
    with pytest.raises(HandboneError, match=words):
        find_images([tmp_path / "x"])


def test_a_table_s_names_find_their_files_by_key_base_name_or_stem_where_just_one_fits(tmp_path):
    given(tmp_path)
    image(tmp_path / "cafe\u0301.png")
    found = find_images([tmp_path]).match(
        ["p1/wrist.png", "wrist.png", "x.png", "x", "old/x.png", "caf\u00e9.png", "y"]
    )
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "p1/wrist.png": "p1/wrist.png",
        **dict.fromkeys(["x.png", "x", "old/x.png"], "p2/more/x.png"),
        "caf\u00e9.png": "cafe\u0301.png",
    }
