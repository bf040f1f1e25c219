"""Which prediction belongs to which labels, how large a pixel is, and what a reader of the metrics is told."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.evaluation.classes import scored_classes
from handbone.measure import Scale
from handbone.workflows.evaluation import pairs as module
from handbone.workflows.evaluation.notes import shown
from handbone.workflows.evaluation.pairs import AGAINST, PREDICTION, Pairs
from handbone.workflows.evaluation.truth import Labelled, LabelledImage, open_labels

SIZE = (40, 30)


def masks(size=SIZE, shift=0):
    return BoneMasks.from_crops({INDEX["Lunate"]: (np.ones((9, 9), bool), (5 + shift, 5))}, size)


@dataclass
class Toys:
    """Masks by name; notes which sizes it was asked to check."""

    names: list
    recorded: dict = field(default_factory=dict)
    path: Path = Path("theirs.csv")
    checked: list = field(default_factory=list)

    def masks(self, name, size_hw):
        if "broken" in name:
            raise HandboneError("has no end", where=name)
        return masks(size_hw)

    def check(self, sizes):
        self.checked += list(sizes)


def labelled(*keys, load=masks, **more):
    return Labelled(tuple(LabelledImage(Path(key).name, key, "p", "R", None, load, **more) for key in keys), "toys")


def join(labels, *sources):
    stages = (PREDICTION,) if len(sources) == 1 else (AGAINST, PREDICTION)
    return Pairs.join(labels, dict(zip(stages, sources, strict=True)), scored_classes())


@pytest.mark.parametrize(
    ("keys", "names", "found"),
    [
        (["a.png"], ["a.png"], {"a.png": "a.png"}),
        # Paths may begin in other folders and lack extensions.
        (["train/DCM/ID1/a.png"], ["ID1/a.png"], {"train/DCM/ID1/a.png": "ID1/a.png"}),
        (["a.png"], ["somewhere/a"], {"a.png": "somewhere/a"}),
        (["p1/a.png", "p2/a.png"], ["p2/a.png", "p1/a.png"], {"p1/a.png": "p1/a.png", "p2/a.png": "p2/a.png"}),
        # A name that may mean two images means none, and neither do two names that mean one.
        (["p1/a.png", "p2/a.png", "b.png"], ["a.png", "b.png"], {"b.png": "b.png"}),
        (["a.png", "b.png"], ["p1/a.png", "p2/a.png", "b.png"], {"b.png": "b.png"}),
        (["p1/a.png", "b.png"], ["p1/a.png", "x/p1/a.png", "b.png"], {"p1/a.png": "p1/a.png", "b.png": "b.png"}),
    ],
)
def test_a_prediction_belongs_to_the_one_image_that_it_names(keys, names, found):
    pairs = join(labelled(*keys), Toys(names))
    assert {key: of[PREDICTION] for key, of in pairs.names.items()} == found
    assert [image.key for image in pairs.images] == [key for key in keys if key in found]
    assert pairs.without_labels[PREDICTION] == tuple(sorted(set(names) - set(found.values())))
    assert len(pairs.without_prediction[PREDICTION]) == len(keys) - len(found)


PLACES = st.lists(st.sampled_from(["a.png", "p1/a.png", "p2/a.png", "a.tif", "b", "p1/b.png"]), min_size=1, unique=True)


@settings(max_examples=30)
@given(PLACES, PLACES)
def test_no_prediction_is_compared_with_two_images(keys, names):
    try:
        pairs = join(labelled(*keys), Toys(names))
    except HandboneError as error:
        assert "none of the" in str(error)
        return
    used = [of[PREDICTION] for of in pairs.names.values()]
    assert len(set(used)) == len(used) and not set(used) & set(pairs.without_labels[PREDICTION])
    assert len(used) + len(pairs.without_labels[PREDICTION]) == len(names)
    assert len(used) + len(pairs.without_prediction[PREDICTION]) == len(keys)


def test_two_predictions_are_compared_on_the_images_that_both_have():
    ours, theirs = Toys(["a.png", "b.png", "x.png"]), Toys(["b.png", "c.png"])
    pairs = join(labelled("a.png", "b.png", "c.png"), theirs, ours)
    assert [image.key for image in pairs.images] == ["b.png"]
    assert pairs.without_prediction == {AGAINST: ("a.png",), PREDICTION: ("c.png",)}
    assert pairs.without_labels == {AGAINST: (), PREDICTION: ("x.png",)}
    with pytest.raises(HandboneError, match="no image has labels and both predictions"):
        join(labelled("a.png", "c.png"), theirs, Toys(["a.png"]))
    with pytest.raises(HandboneError, match="none of the 1 labelled images is among the predictions, which has none"):
        join(labelled("a.png"), Toys([]))


def test_run_lengths_are_checked_with_the_size_of_labels_that_can_be_read():
    def load(key):
        if key == "cut.png":
            raise HandboneError("is cut", where=key)
        return masks((50, 60) if key == "b.png" else SIZE)

    toys = labelled("a.png", "cut.png", "b.png").images
    images = tuple(replace(image, load=partial(load, image.key)) for image in toys)
    source = Toys(["x/a.png", "x/b.png", "x/cut.png"])
    pairs = join(Labelled(images, "toys"), source)
    assert source.checked == [("x/a.png", SIZE), ("x/b.png", (50, 60))]
    assert pairs.read(images[2]).stages[PREDICTION].size_hw == (50, 60), "masks are read in the size of the labels"
    with pytest.raises(HandboneError, match=r"cut.png: is cut"):
        pairs.read(images[1])


def test_classes_are_compared_as_their_union_in_the_place_of_the_first():
    from handbone.recipe.class_map import ClassMap

    union = ClassMap.parse(["carpus=Lunate+Triquetrum"])
    pairs = Pairs.join(labelled("a.png"), {PREDICTION: Toys(["a.png"])}, scored_classes(union, "Lunate"))
    both = masks().replace({INDEX["Triquetrum"]: np.ones(SIZE, bool), INDEX["Ulna"]: np.ones(SIZE, bool)})
    scored = pairs.scored(both)
    assert scored.areas()[INDEX["Lunate"]] == SIZE[0] * SIZE[1] and scored.areas().sum() == SIZE[0] * SIZE[1]


SAID = {"spacing_mm": [0.2, 0.1], "spacing_source": "PixelSpacing"}


@pytest.mark.parametrize(
    ("user", "file", "prediction", "against", "scale"),
    [
        (0.3, (0.5, 0.5), SAID, {}, Scale("user", (0.3, 0.3))),
        (None, (0.5, 0.4), SAID, {}, Scale("pixel_spacing", (0.5, 0.4))),
        (None, None, SAID, {"spacing_mm": [9, 9]}, Scale("pixel_spacing", (0.2, 0.1))),
        (None, None, {}, SAID, Scale("pixel_spacing", (0.2, 0.1))),
        (None, None, {"spacing_mm": None}, SAID, Scale("pixel_spacing", (0.2, 0.1))),
        # Nobody knows what a spacing without a source is.
        (None, None, {"spacing_mm": [0.2, 0.1]}, {}, Scale("imager_spacing", (0.2, 0.1))),
        (None, None, {}, {}, Scale()),
    ],
)
def test_a_pixel_is_as_large_as_the_user_then_the_radiograph_then_the_record_says(
    monkeypatch, user, file, prediction, against, scale
):
    read = []
    radiograph = Radiograph(np.zeros(SIZE, np.float32), False, 8, file, "PixelSpacing" if file else "")
    monkeypatch.setattr(module, "read_image", lambda path, invert: read.append(invert) or radiograph)
    labels = Labelled(tuple(replace(image, image=Path("a.png")) for image in labelled("a.png").images), "toys")
    pairs = join(labels, Toys(["x/a.png"], {"x/a.png": against}), Toys(["a.png"], {"a.png": prediction}))
    assert pairs.scale(labels.images[0], user, "no") == scale
    assert read == ([] if user else ["no"]), "a file is read only where the user has no word"


def test_long_lists_of_names_are_cut_with_their_count():
    names = tuple("abcdefg")
    assert shown(names) == "a, b, c, d, e and 2 more" and shown(names[:5]) == "a, b, c, d, e"
    assert shown(names, most=1) == "a and 6 more" and shown(()) == ""


@pytest.fixture
def hands(tmp_path):
    """Two radiographs of one patient, and a CSV with rows of these and of a third image."""
    from handbone.formats.contest_csv import PredictionsWriter

    (tmp_path / "images").mkdir()
    for name, size in (("ID7_L.png", SIZE), ("b.png", (50, 60))):
        cv2.imwrite(str(tmp_path / "images" / name), np.full(size, 60, np.uint8))
    with PredictionsWriter(tmp_path / "truth.csv") as table:
        for name in ("ID7_L.png", "b.png", "gone.png"):
            table.write_cells(name, masks().to_rle())
    return tmp_path


def test_labels_of_a_table_have_the_size_of_their_radiographs(hands):
    labels = open_labels(hands / "truth.csv", images=hands / "images")
    found = {image.key: image for image in labels.images}
    assert labels.layout == "csv" and set(found) == {"ID7_L.png", "b.png", "gone.png"}
    assert {key: image.image and image.image.name for key, image in found.items()} == {
        **{"ID7_L.png": "ID7_L.png", "b.png": "b.png", "gone.png": None}
    }
    assert found["ID7_L.png"].load() == masks() and found["b.png"].load().size_hw == (50, 60)
    assert found["gone.png"].load().size_hw == (2048, 2048), "the contest's, where nobody knows"
    assert found["ID7_L.png"].side == "L" and found["ID7_L.png"].problems() == []


def test_a_folder_without_labels_says_what_is_missing(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full(SIZE, 60, np.uint8))
    with pytest.raises(HandboneError) as caught:
        open_labels(tmp_path)
    assert str(tmp_path) in str(caught.value)
