"""Images that EXIF turns without changing their size: no size tells whether labels were drawn before or after."""

import json
from types import SimpleNamespace

import pytest
from annotation_toys import write_radiograph

from handbone.core.errors import HandboneError
from handbone.data.audit.check import check_dataset
from handbone.data.dataset import open_dataset
from handbone.recipe.schema import Data, Split
from handbone.runs.steps.prepare import read_images

SQUARE, TALL = (64, 64), (80, 64)
POLYGON = [10, 10, 40, 12, 30, 50]
#: Name to size as stored, EXIF orientation, and whether it is labelled.
IMAGES = {
    "[b]quarter.jpg": (SQUARE, 6, True),
    "half.png": (TALL, 3, True),
    "mirrored.tif": (TALL, 2, True),
    "upright.jpg": (SQUARE, 1, True),
    "sides.jpg": (TALL, 6, True),
    "none.jpg": (SQUARE, None, True),
    "unlabelled.jpg": (SQUARE, 6, False),
}
AMBIGUOUS = ["[b]quarter.jpg", "half.png", "mirrored.tif"]


@pytest.fixture
def root(tmp_path):
    """A COCO set of such images."""
    images, annotations = [], []
    for number, (name, (size, turn, labelled)) in enumerate(IMAGES.items()):
        write_radiograph(tmp_path / name, size, exif=turn)
        if labelled:
            images.append({"id": number, "file_name": name})
            annotations.append({"image_id": number, "category_id": 1, "segmentation": [POLYGON]})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "Radius"}]}
    (tmp_path / "labels.json").write_text(json.dumps(content))
    return tmp_path


def test_the_check_names_them_in_one_finding(root):
    [found] = [f for f in check_dataset(open_dataset(Data(path=str(root)))) if f.rule == "turned-images"]
    assert found.severity == "warning" and found.message.endswith(f": {', '.join(AMBIGUOUS)}")
    assert found.message.startswith("3 labelled images are ") and "--labels" in found.remedy


def test_a_run_says_so_before_it_trains(root, tmp_path, capsys):
    dataset = open_dataset(Data(path=str(root)))
    context = SimpleNamespace(
        dataset=dataset,
        cache=SimpleNamespace(open=lambda image: None),
        stream=None,
        recipe=SimpleNamespace(split=Split(folds=2)),
    )
    read_images(context, tmp_path)
    said = " ".join(capsys.readouterr().err.split())
    assert f"{', '.join(AMBIGUOUS)}; check with 'handbone data check --labels'" in said

    def damaged(image):
        raise HandboneError("cut", where=image)

    context.cache.open = damaged
    with pytest.raises(HandboneError, match="none of the 7 images"):
        read_images(context, tmp_path)
    said = " ".join(capsys.readouterr().err.split())
    assert "left out [b]quarter.jpg:" in said and "rotated" not in said, "what is left out is not trained on"


def test_nothing_is_said_where_files_show_images_as_they_are(root):
    for name in AMBIGUOUS:
        (root / name).unlink()
    assert "turned-images" not in {f.rule for f in check_dataset(open_dataset(Data(path=str(root))))}
