"""`handbone data check --labels`: a data set against weights, its page, and the command; the weights are a stand-in."""

import csv
import json
import weakref
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from data_toys import annotation, toy_hand
from typer.testing import CliRunner

from handbone.anatomy import INDEX
from handbone.cli.data import app
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.formats.image_files import read_image
from handbone.method.two_stage import TwoStage
from handbone.recipe.schema import Data
from handbone.workflows.check_labels import check_labels
from handbone.workflows.label_page import write_label_page

pytestmark = pytest.mark.slow

LABELS = "train/outputs_json"
SWAPPED, WITHOUT, CUT = "ID002/image_1661130828120", "ID003/image_1661130828130", "ID004/image_1661130828140"


class Weights:
    """Sees the bones of the images of a folder as they are labelled when it is made, nothing elsewhere."""

    threshold = 0.5

    def __init__(self, root, presence=None):
        dataset = open_dataset(Data(path=str(root)))
        self.masks = {read_image(s.image).image.tobytes(): dataset.labels(s).masks() for s in dataset.labelled()}
        self.presence = presence
        self.read = []

    def predict(self, image):
        assert [r for r in self.read if r() is not None] == [], "an earlier image is still in memory"
        self.read.append(weakref.ref(image))
        masks = self.masks.get(image.tobytes(), BoneMasks.from_crops({}, image.shape))
        probabilities = BoneProbabilities.from_dense(0.94 * masks.dense().astype(np.float32))
        return SimpleNamespace(final=probabilities, presence=self.presence)


def relabel(root, name, hand):
    path = root / LABELS / f"{name}.json"
    path.write_text(json.dumps(annotation(list(hand.items()), filename=f"{path.stem}.jpg")))


@pytest.fixture
def weights(contest, monkeypatch):
    """Weights that know the ground truth; the folder's labels then get a swap in one file and a gap in another."""
    known = Weights(contest)
    asked = []
    monkeypatch.setattr(TwoStage, "from_path", classmethod(lambda cls, path, **_: (asked.append(path), known)[1]))
    monkeypatch.setenv("COLUMNS", "220")
    known.asked = asked
    hand = toy_hand(bend=4)
    relabel(contest, SWAPPED, hand | {"Scaphoid": hand["Lunate"], "Lunate": hand["Scaphoid"]})
    hand = toy_hand(bend=40)
    del hand["Pisiform"]
    relabel(contest, WITHOUT, hand)
    return known


@pytest.fixture
def checked(contest, weights):
    dataset = open_dataset(Data(path=str(contest)))
    return dataset, check_labels(dataset, weights)


def run(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def test_each_image_is_compared_and_the_worst_comes_first(checked):
    _, checks = checked
    assert len(checks) == 8
    assert [check.file for check in checks[:2]] == [f"{LABELS}/{SWAPPED}.json", f"{LABELS}/{WITHOUT}.json"]
    assert [[error.kind for error in check.errors] for check in checks] == [["swapped"], ["missing"], *[[]] * 6]
    assert checks[0].bones == (INDEX["Scaphoid"], INDEX["Lunate"]) and set(checks[0].seen) == set(checks[0].bones)
    assert checks[1].bones == (INDEX["Pisiform"],)


def test_what_is_kept_is_small_and_images_are_let_go(checked, weights):
    _, checks = checked
    assert all(each() is None for each in weights.read)
    assert sum(polygon.nbytes for check in checks for contours in check.seen.values() for polygon in contours) < 10_000


def test_a_file_that_cannot_be_read_is_a_finding_and_the_others_are_compared(contest, weights):
    image = contest / "train/DCM" / f"{CUT}.png"
    image.write_bytes(image.read_bytes()[:-300])
    (contest / LABELS / f"{SWAPPED}.json").write_text("{")
    checks = check_labels(open_dataset(Data(path=str(contest))), weights)
    assert [check.problem.rule for check in checks[-2:]] == ["unreadable-annotation", "unreadable-image"]
    assert [error.kind for error in checks[0].errors] == ["missing"] and len(checks) == 8


def test_calibrated_chances_take_the_place_of_probabilities(contest, weights):
    weights.presence = np.where(np.arange(29) == INDEX["Pisiform"], 0.55, 0.97)
    checks = check_labels(open_dataset(Data(path=str(contest))), weights)
    assert [error.kind for check in checks for error in check.errors] == ["swapped"], "too unsure of the Pisiform"


def test_a_folder_without_labels_is_refused(tmp_path, weights):
    folder = tmp_path / "plain"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(HandboneError, match="no image in this folder has labels"):
        check_labels(open_dataset(Data(path=str(folder))), weights)


def test_the_page_needs_no_other_file_and_has_an_image_a_doubtful_file(checked, tmp_path):
    dataset, checks = checked
    page = write_label_page(checks, dataset, tmp_path / "out", weights="zero_shot").read_text()
    assert "http" not in page and page.count('src="data:image/jpeg;base64,') == 2
    assert "err, too" in page and "not a medical device" in page and "zero_shot" in page
    assert page.index("lies on Lunate") < page.index("Pisiform")
    assert all(f'href="#image-{i}"' in page and f'id="image-{i}"' in page for i in (1, 2))
    images = sorted((tmp_path / "out").glob("*.png"))
    assert [p.name for p in images] == ["0001-image_1661130828120.png", "0002-image_1661130828130.png"]
    assert all(cv2.imread(str(p)).shape[0] > 700 for p in images)
    with (tmp_path / "out/label_errors.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "kind", "bones", "severity", "message"]
    assert [(row["kind"], row["bones"]) for row in rows] == [("swapped", "Scaphoid Lunate"), ("missing", "Pisiform")]


def test_the_page_is_written_whole_or_not_at_all_and_never_over_something(checked, tmp_path, contest):
    dataset, checks = checked
    (contest / "train/DCM" / f"{WITHOUT}.png").unlink()
    with pytest.raises(HandboneError, match=r"image_1661130828130\.png"):
        write_label_page(checks, dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(HandboneError, match="already exists"):
        write_label_page(checks, dataset, tmp_path / "out")


def test_the_command_shows_label_errors_first_and_exits_with_0(contest, weights):
    result = run(contest, "--labels")
    assert result.exit_code == 0, result.output
    assert weights.asked == ["zero_shot"]
    out = result.stdout
    assert out.index("label-swapped") < out.index("label-missing") < out.index("missing-bones")
    assert "doubtful" in out and "2 of 8 images" in out and "which can be wrong" in out


def test_the_command_writes_the_page_and_tells_programs_everything(contest, weights, tmp_path):
    result = run(contest, "--labels", "-w", "runs/mine", "-o", tmp_path / "out", "--json")
    content = json.loads(result.stdout)
    assert weights.asked == ["runs/mine"] == [content["weights"]]
    assert content["page"] == str(tmp_path / "out/labels.html") and (tmp_path / "out/labels.html").is_file()
    first, second = content["labels"]
    assert first["image"] == "image_1661130828120.png" and first["errors"][0]["bones"] == ["Scaphoid", "Lunate"]
    assert second["errors"][0]["kind"] == "missing" and second["problem"] is None
    assert [f["rule"] for f in content["findings"][:2]] == ["label-swapped", "label-missing"]


def test_an_unreadable_file_is_told_once_and_by_the_exit_code(contest, weights):
    image = contest / "train/DCM" / f"{CUT}.png"
    image.write_bytes(image.read_bytes()[:-300])
    result = run(contest, "--labels", "--json")
    assert result.exit_code == 1
    rules = [f["rule"] for f in json.loads(result.stdout)["findings"]]
    assert rules.count("unreadable-image") == 1


def test_without_labels_nothing_changes_and_a_folder_in_use_is_refused_before_the_work(contest, weights, tmp_path):
    assert set(json.loads(run(contest, "--json").stdout)) == {"schema", "path", "layout", "images", "findings"}
    assert run(contest, "-o", tmp_path / "out").exit_code == 2
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine").touch()
    result = run(contest, "--labels", "-o", tmp_path / "used")
    assert "already exists" in str(result.exception) and weights.asked == []
