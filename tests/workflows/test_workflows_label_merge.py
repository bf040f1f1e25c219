"""Corrected masks over predicted ones: whose masks each image has, which radiograph is copied, what is left out."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_toys import SIZE_HW, bone_masks
from pycocotools.coco import COCO

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.box import Box
from handbone.core.errors import HandboneError
from handbone.formats.image_files import read_image
from handbone.workflows.label_diff import diff_labels
from handbone.workflows.label_merge import RECORD_FILE, merge_labels, merge_results
from handbone.workflows.label_page import _view, require_free
from handbone.workflows.masks.source import MaskSource

SIZE = SIZE_HW


class Toys(MaskSource):
    """Masks of the first so many bones, by name; radiographs where a folder has them."""

    layout = "toys"

    def __init__(self, path, bones, *, folder=None, size=SIZE, images=None):
        self.path, self.names, self._bones, self._size = Path(path), list(bones), bones, size
        self._folder, self._images = folder, images or {}

    def radiograph(self, name):
        path = self._images.get(name) or (self._folder and self._folder / name)
        return path if path and (path.exists() or "#" in path.name) else None

    def size_hw(self, name):
        return self._size

    def masks(self, name, size_hw):
        if self._bones[name] is None:
            raise HandboneError("cannot be read", where=name, remedy="mend it")
        return bone_masks(self._bones[name], self._size)


def radiograph(path, value=60, dtype=np.uint8, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full(size, value, dtype))
    return path


@pytest.fixture
def hands(tmp_path):
    folder = tmp_path / "hands"
    for number, name in enumerate(("p1/a.png", "p2/a.png", "b.tif", "c.png")):
        radiograph(folder / name, 20000 + number, np.uint16)
    return folder


def merge(corrected, predicted, out, **more):
    return merge_labels(corrected, predicted, merge_results(out), **more)


def bones_of(out):
    """Name of each image to how many bones it has, as pycocotools reads the file."""
    coco = COCO(out / "annotations.json")
    return {image["file_name"]: len(coco.getAnnIds(image["id"])) for image in coco.imgs.values()}


def test_corrected_masks_hold_where_there_are_any_and_predicted_ones_elsewhere(hands, tmp_path, capsys):
    predicted = Toys("predicted", {"p1/a.png": 3, "p2/a.png": 4, "b.tif": 5}, folder=hands)
    # An export for an annotation tool: a copy of the TIFF as PNG, and an image that was never predicted.
    copies = radiograph(tmp_path / "copies" / "b.png").parent
    corrected = Toys(
        "corrected", {"p1/a.png": 9, "b.png": 2, "c.png": 7}, folder=copies, images={"c.png": hands / "c.png"}
    )
    record = merge(corrected, predicted, tmp_path / "out")
    assert record["corrected"] == ["b.tif", "p1/a.png", "c.png"] and record["predicted"] == ["p2/a.png"]
    assert bones_of(tmp_path / "out") == {
        **{"images/p1/a.png": 9, "images/p2/a.png": 4, "images/b.tif": 2, "images/c.png": 7}
    }
    # Copied from where the predictions had them, at their full depth.
    for name in ("p1/a.png", "p2/a.png", "b.tif", "c.png"):
        assert (tmp_path / "out" / "images" / name).read_bytes() == (hands / name).read_bytes()
    assert json.loads((tmp_path / "out" / RECORD_FILE).read_text()) == record


def test_an_image_that_is_wrong_is_named_and_costs_no_other(hands, tmp_path):
    predicted = Toys("predicted", {"p1/a.png": 3, "p2/a.png": None, "b.tif": 0, "c.png": 6}, folder=hands)
    corrected = Toys("corrected", {"p1/a.png": None})
    record = merge(corrected, predicted, tmp_path / "out")
    assert record["failed"] == {
        "p1/a.png": "p1/a.png: cannot be read; mend it",
        "p2/a.png": "p2/a.png: cannot be read; mend it",
    }
    assert record["predicted"] == ["c.png"] and record["without_bones"] == ["b.tif"] and record["corrected"] == []
    assert bones_of(tmp_path / "out") == {"images/c.png": 6}
    assert not (tmp_path / "out" / "images" / "b.tif").exists(), "nothing to learn from"


def test_masks_of_two_sizes_are_of_two_images(hands, tmp_path):
    predicted = Toys("predicted", {"p1/a.png": 3, "c.png": 3}, folder=hands)
    corrected = Toys("corrected", {"p1/a.png": 3}, size=(200, 200))
    record = merge(corrected, predicted, tmp_path / "out")
    assert "belong to images of different sizes" in record["failed"]["p1/a.png"]


@pytest.mark.parametrize(("bones", "why"), [(None, "c.png: cannot be read; mend it"), (0, "no bone is outlined")])
def test_where_nothing_comes_of_it_nothing_is_written_and_the_first_reason_is_told(hands, tmp_path, bones, why):
    out = tmp_path / "out"
    with pytest.raises(HandboneError, match=f"corrected: there is nothing to merge: {why}"):
        merge(Toys("corrected", {}), Toys("predicted", {"c.png": bones}, folder=hands), out)
    assert not out.exists() and not list(tmp_path.glob(".out*")), "nothing of it stays"


def test_one_image_of_a_file_that_holds_several_is_copied_alone(tmp_path):
    pages, image = tmp_path / "pages.tif", np.full(SIZE, 40, np.uint8)
    image[30:90, 30:80] = 200
    cv2.imwritemulti(str(pages), [image.T.copy(), image])
    places = {"pages.tif#2": Path(f"{pages}#2")}
    record = merge(Toys("corrected", {}), Toys("predicted", {"pages.tif#2": 5}, images=places), tmp_path / "out")
    [name] = bones_of(tmp_path / "out")
    assert record["failed"] == {} and name == "images/pages#2.png"
    copied = read_image(tmp_path / "out" / name).image
    assert np.allclose(copied, read_image(places["pages.tif#2"]).image, atol=1 / 255)


def test_a_radiograph_that_is_gone_costs_its_image(hands, tmp_path):
    (hands / "c.png").unlink()
    record = merge(Toys("corrected", {}), Toys("predicted", {"c.png": 3, "b.tif": 3}, folder=hands), tmp_path / "out")
    assert record["predicted"] == ["b.tif"] and "the radiograph was not found" in record["failed"]["c.png"]


def test_a_kill_while_merging_leaves_earlier_labels_as_they_were(hands, tmp_path, monkeypatch):
    predicted = Toys("predicted", {"c.png": 3, "b.tif": 3}, folder=hands)
    merge(Toys("corrected", {}), predicted, tmp_path / "out")
    before = (tmp_path / "out" / "annotations.json").read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("handbone.workflows.label_merge.write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            merge(Toys("corrected", {"c.png": 9}), predicted, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "annotations.json").read_bytes() == before
    merge(Toys("corrected", {"c.png": 9}), predicted, tmp_path / "out", overwrite=True)
    assert bones_of(tmp_path / "out") == {"images/c.png": 9, "images/b.tif": 3}


def test_a_diff_names_what_only_one_side_has_and_what_could_not_be_compared():
    old = Toys("old", {"p1/a.png": 3, "b.png": 4, "c.png": None, "gone.png": 1})
    new = Toys("new", {"p1/a.png": 3, "b.jpg": 5, "c.png": 2, "late.png": 1})
    found = diff_labels(old, new)
    assert found.images == ("b.png", "p1/a.png") and list(found.failed) == ["c.png"]
    assert (found.only_old, found.only_new) == (("gone.png",), ("late.png",))
    assert [(c.image, c.bone, c.change) for c in found.changes] == [("b.png", NAMES[4], "drawn")]
    told = found.to_json()
    assert told["changed_images"] == ["b.png"] and told["changes"][0]["after"] == found.changes[0].after
    with pytest.raises(HandboneError, match="it shares no radiograph with old"):
        diff_labels(old, Toys("new", {"x.png": 3}))


@pytest.mark.parametrize(
    ("box", "size_hw", "centre", "side"),
    [
        # Room around the bones, ...
        (Box(400, 400, 600, 500), (1000, 1000), (500, 450), 270),
        # ... not so little that nothing is seen of where they lie, ...
        (Box(500, 500, 510, 504), (1000, 1000), (505, 502), 220),
        # ... inside the image where it can be, ...
        (Box(0, 0, 200, 100), (1000, 1000), (135, 135), 270),
        (Box(900, 950, 1000, 1000), (1000, 1000), (890, 890), 220),
        # ... and never larger than that.
        (Box(0, 0, 1000, 1000), (1000, 1000), (500, 500), 1000),
        (Box(0, 0, 300, 900), (1000, 400), (200, 500), 1000),
    ],
)
def test_the_page_shows_the_bones_with_some_room_inside_of_their_image(box, size_hw, centre, side):
    frame = _view(box, size_hw)
    corners = frame.to_image(np.array([[-0.5, -0.5], [759.5, 759.5]])) + 0.5
    assert corners.mean(0) == pytest.approx(np.array(centre), abs=1e-6)
    assert corners[1] - corners[0] == pytest.approx(np.array([side, side]), abs=1e-6)


def test_a_folder_in_use_is_no_place_for_a_page(tmp_path):
    require_free(tmp_path / "new")
    require_free(tmp_path)
    (tmp_path / "file").write_text("mine")
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(HandboneError, match="the folder already exists"):
            require_free(taken)


def test_contours_of_merged_labels_fill_to_the_masks_that_were_given(hands, tmp_path):
    merge(Toys("corrected", {"c.png": 29}, folder=hands), Toys("predicted", {}), tmp_path / "out")
    coco = COCO(tmp_path / "out" / "annotations.json")
    planes = {coco.cats[one["category_id"]]["name"]: coco.annToMask(one).astype(bool) for one in coco.anns.values()}
    assert BoneMasks.from_dense(np.stack([planes[name] for name in NAMES])) == bone_masks(29)
