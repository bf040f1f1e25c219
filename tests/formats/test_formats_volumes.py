"""Masks of 3D Slicer and NIfTI: how they lie, and what is refused."""

import gzip
import sys

import numpy as np
import pytest
from annotation_toys import HARD, TALL, blob, read, write, write_radiograph

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.plugins import PredictedImage, registry
from handbone.recipe.schema import Choice, Data


@pytest.fixture
def slicer(tmp_path):
    """Write a segmentation of one bone as Slicer might, beside a radiograph; gives the function that does."""
    slicerio = pytest.importorskip("slicerio", reason="the format seg_nrrd needs handbone[volumes]")
    write_radiograph(tmp_path / "a.png", TALL)

    def write_segmentation(mask, *, matrix=None, **fields):
        volume = mask if mask.ndim == 3 else mask.T[..., None]
        segmentation = slicerio.create_segmentation(volume.shape, np.eye(4) if matrix is None else matrix)
        slicerio.add_segment(segmentation, volume, {"id": "Segment_1", "name": "Lunate"})
        slicerio.write_segmentation(str(tmp_path / "a.seg.nrrd"), segmentation | fields)
        dataset = open_dataset(Data(path=str(tmp_path)))
        return dataset.read_labels(dataset.samples[0])

    return write_segmentation


def test_a_segmentation_that_slicer_has_cropped_is_put_where_it_was(slicer):
    mask = blob(TALL, (1, (10, 20, 30, 40)), (-1, (15, 25, 20, 30)))
    labels = slicer(mask[18:45, 8:33], referenceImageExtentOffset=[8, 18, 0])
    assert np.array_equal(labels.masks().mask(INDEX["Lunate"]), mask)


def test_a_segmentation_of_another_size_is_refused(slicer):
    labels = slicer(np.ones((2 * TALL[0], 2 * TALL[1]), bool)[: 2 * TALL[0], : 2 * TALL[1]])
    assert "scaled-labels" in {p.rule for p in labels.problems}
    labels = slicer(np.ones(TALL[::-1], bool))
    assert "other-size" in {p.rule for p in labels.problems} and not labels.polygons


@pytest.mark.parametrize(
    ("mask", "matrix", "words"),
    [
        (np.ones((4, 4, 3), bool), None, "3 slices"),
        (np.ones(TALL, bool), np.diag([-1.0, 1, 1, 1]), "turned or mirrored"),
    ],
)
def test_a_volume_or_a_mirrored_segmentation_is_refused(slicer, mask, matrix, words):
    with pytest.raises(HandboneError, match=words):
        slicer(mask, matrix=matrix)


def test_a_damaged_segmentation_is_refused(slicer, tmp_path):
    slicer(np.ones(TALL, bool))
    (tmp_path / "a.seg.nrrd").write_bytes((tmp_path / "a.seg.nrrd").read_bytes()[:300])
    dataset = open_dataset(Data(path=str(tmp_path)))
    with pytest.raises(HandboneError, match="not a segmentation that can be read"):
        dataset.read_labels(dataset.samples[0])


def of_header(voxels, *, sizes="48 60 1", encoding="gzip", more=""):
    """A segmentation whose header and voxels need not agree."""
    fields = f"type: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: {sizes}\nencoding: {encoding}\n{more}"
    return f"NRRD0004\n{fields}\n".encode() + gzip.compress(voxels)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (of_header(b"", more="data file: ../secret.gz\n"), "voxels are in another file"),
        (of_header(b"", sizes="100000 100000 1"), "10000000000 voxels"),
        (of_header(bytes(9 * 48 * 60)), "more voxels than its header says"),
        (of_header(b"", encoding="bzip2"), "encoding bzip2"),
    ],
    ids=["another file", "a size without end", "a bomb", "another packing"],
)
def test_a_segmentation_that_reaches_out_is_refused_unread(slicer, tmp_path, monkeypatch, content, words):
    slicer(np.ones(TALL, bool))
    (tmp_path / "a.seg.nrrd").write_bytes(content)
    monkeypatch.setattr("slicerio.read_segmentation", lambda path: pytest.fail("was read"))
    dataset = open_dataset(Data(path=str(tmp_path)))
    with pytest.raises(HandboneError, match=words):
        dataset.read_labels(dataset.samples[0])


def test_nifti_lies_as_tools_show_it_and_has_the_spacing(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="the format nifti needs handbone[volumes]")
    mask = blob(TALL, (1, (3, 5, 10, 50)))
    masks = BoneMasks.from_crops({INDEX["Lunate"]: (mask, (0, 0))}, TALL)
    spec, checked = registry().get("writer", Choice(name="nifti"))
    (tmp_path / "out").mkdir()
    writer = spec.build(checked, folder=tmp_path / "out")
    path = write_radiograph(tmp_path / "a.png", TALL)
    writer.write(PredictedImage("a.png", path, masks, stem="a", spacing_mm=(0.2, 0.1)))
    file = tmp_path / "out" / "a" / "Lunate.nii.gz"
    volume = nibabel.load(file)
    assert volume.shape == (*TALL[::-1], 1) and np.allclose(np.diag(volume.affine), [-0.1, -0.2, 1, 1])
    # The same mask, stored along other axes.
    nibabel.save(nibabel.as_closest_canonical(volume), file)
    assert list(read(tmp_path / "out")[1].values()) == [masks]
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.eye(4)), file)
    dataset = open_dataset(Data(path=str(tmp_path / "out")))
    with pytest.raises(HandboneError, match="has one slice"):
        dataset.read_labels(dataset.samples[0])


def test_a_run_notices_a_changed_mask_in_a_folder(tmp_path):
    pytest.importorskip("nibabel", reason="the format nifti needs handbone[volumes]")
    from handbone.runs.data_digest import data_digest

    write(tmp_path / "out", "nifti", write_radiograph(tmp_path / "a.png", TALL), HARD)
    before = data_digest(read(tmp_path / "out")[0])
    assert data_digest(read(tmp_path / "out")[0]) == before
    (tmp_path / "out" / "a" / f"{NAMES[0]}.nii.gz").unlink()
    assert data_digest(read(tmp_path / "out")[0]) != before


@pytest.mark.parametrize(("format", "package"), [("seg_nrrd", "slicerio"), ("nifti", "nibabel")])
def test_a_missing_library_is_named_with_what_brings_it(format, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(HandboneError, match=rf"needs the package {package}; pip install 'handbone\[volumes\]'"):
        write(tmp_path / "out", format, write_radiograph(tmp_path / "a.png", TALL), HARD)
