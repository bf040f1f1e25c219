"""Refined predictions: which rows change and which stay letter by letter, what is made again, and joined shards."""

import csv
import json
from dataclasses import asdict, dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from page_toys import bone_masks
from results_toys import content

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import read_predictions
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.workflows import refine
from handbone.workflows.refine import Refined, decision_rows, refine_predictions, refine_results
from handbone.workflows.refine_join import join_refined
from handbone.workflows.refine_sources import Item, Loaded
from handbone.workflows.shard_join import joined_head
from handbone.workflows.shards import Shard, finished_shards

SIZE = (150, 120)
NAMES_OF_IMAGES = ["a.png", "cut.png", "p1/b.png", "odd.png"]
HEAD = {"schema": refine.SCHEMA, "fingerprint": "f"}
LUNATE, ULNA = INDEX["Lunate"], INDEX["Ulna"]
#: As somebody writes them: with another order of runs, and with room.
CELLS = [f"200 3  {bone + 1} 2" for bone in range(COUNT)]


@dataclass(frozen=True)
class Said:
    """A decision in a few words."""

    bone: str
    used: bool
    roi: str = "wrist"

    def to_json(self):
        return {"bone": self.bone, "used": self.used, "roi": self.roi, "reason": "=so"}


class Frame:
    def __init__(self, **facts):
        self.facts = {"fallback": "none", "degrees": 3.0, "mirrored": False, "reason": "", **facts}

    def to_json(self):
        return self.facts


class Toys:
    """Predictions of four images, of which one cannot be read and one cannot be refined."""

    invert = "auto"

    def __init__(self, version="1", names=NAMES_OF_IMAGES):
        self.names, self.version = names, version

    def item(self, name):
        cells = [None if bone == ULNA else text for bone, text in enumerate(CELLS)]
        return Item(name, cells, lambda: f"{name} {self.version}", partial(self._load, name, cells), SIZE)

    def _load(self, name, cells):
        if name == "cut.png":
            raise HandboneError("is cut", where=name)
        coarse = BoneProbabilities.from_masks(bone_masks(20, SIZE))
        return Loaded(np.zeros(SIZE, np.float32), coarse, cells, inverted=False)


class Method:
    """Refines the Lunate, asks for the Ulna and takes neither the Radius."""

    threshold = 0.5

    def __init__(self, made):
        self.made = made

    def for_bones(self, bones):
        return tuple(bones)

    def refine(self, image, coarse, rois):
        self.made.append(rois)
        if len(self.made) == 2:
            raise ValueError("odd")
        return SimpleNamespace(
            coarse=coarse,
            final=BoneProbabilities.from_masks(bone_masks(29, SIZE)),
            decisions=[Said("Lunate", True), Said("Radius", False)],
            prompt_decisions=[Said("Ulna", True, "prompt")],
            frames={"wrist": Frame(reason="wide")},
            seconds={"merge": 0.123456},
        )


@pytest.fixture(autouse=True)
def _drawn(monkeypatch):
    def draw(path, *, name, **_):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"drawn {name}")

    monkeypatch.setattr(refine, "draw_refined", draw)


def call(output, *, shard=None, version="1", made=None, names=NAMES_OF_IMAGES, earlier=()):
    made = [] if made is None else made
    results = refine_results(output if shard is None else shard.folder(output))
    head = {**HEAD, "shard": shard and str(shard)}
    return refine_predictions(
        partial(Toys, version, names),
        partial(Method, made),
        [LUNATE],
        results,
        fingerprint="f",
        head=head,
        shard=shard,
        earlier=earlier,
    )


def join(output, **more):
    shards = finished_shards(output, "f", record_file=refine.RECORD_FILE)
    head = joined_head(shards, refine.RECORD_FILE)
    return join_refined(shards, partial(Toys, **more), refine_results(output), fingerprint="f", head=head)


def test_only_rows_of_used_masks_change_and_all_others_stay_letter_by_letter(tmp_path):
    made = []
    records = {record.name: record for record in call(tmp_path / "out", made=made)}
    new = bone_masks(29, SIZE).to_rle()
    table = dict(read_predictions(tmp_path / "out" / "predictions.csv"))
    before = Toys().item("a.png").cells
    for bone, name in enumerate(NAMES):
        assert table["a.png"][bone] == (new[bone] if name in ("Lunate", "Ulna") else before[bone])
    assert set(made) == {(LUNATE,)}, "nothing else is asked for"
    assert records["a.png"].seconds == {"merge": 0.1235} and records["a.png"].inverted is False


@pytest.mark.parametrize("name", ["cut.png", "p1/b.png"])
def test_an_image_that_fails_keeps_its_rows_with_its_size(tmp_path, name):
    records = {record.name: record for record in call(tmp_path / "out")}
    index = PredictionsIndex(tmp_path / "out" / "predictions.csv")
    assert index.cells(name) == Toys().item(name).cells
    # Without it, masks of an image of another size than the contest's mean nothing.
    assert index.size_hw(name) == index.size_hw("a.png") == SIZE
    assert records[name].error and not records[name].decisions
    trace = tmp_path / "out" / "errors" / "p1" / "b.txt"
    assert trace.is_file() and "ValueError: odd" in trace.read_text()
    assert not (tmp_path / "out" / "errors" / "cut.txt").exists()


def test_decisions_are_one_table_with_the_roi_beside_each(tmp_path):
    call(tmp_path / "out")
    with open(tmp_path / "out" / "decisions.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["image_name"] == "a.png"]
    assert [(row["bone"], row["used"]) for row in rows] == [("Lunate", "True"), ("Radius", "False"), ("Ulna", "True")]
    # The prompted network has no ROI of its own.
    assert [row["roi"] for row in rows] == ["wrist", "wrist", "prompt"]
    assert {row["roi_reason"] for row in rows} == {"wide"} and {row["degrees"] for row in rows} == {"3.0"}
    assert {row["reason"] for row in rows} == {"'=so"}, "no formula in a spreadsheet"


def test_a_decision_stands_beside_its_own_roi():
    frames = {"wrist": Frame(degrees=1.0).to_json(), "thumb": Frame(degrees=2.0, fallback="wide").to_json()}
    decisions = [Said("Lunate", True, roi).to_json() for roi in ("thumb", "wrist", "prompt")]
    rows = decision_rows([Refined("a.png", frames=frames, decisions=decisions), Refined("b.png", error="no")])
    assert [(row["degrees"], row["fallback"]) for row in rows] == [(2.0, "wide"), (1.0, "none"), (1.0, "none")]


def test_where_nothing_was_decided_the_table_of_decisions_is_empty(tmp_path):
    call(tmp_path / "out", names=["cut.png"])
    assert (tmp_path / "out" / "decisions.csv").read_text() == "\n"
    record = json.loads((tmp_path / "out" / "refinement.json").read_text())
    assert [image["error"] for image in record["images"]] == ["cut.png: is cut"]


@pytest.mark.parametrize(("version", "again"), [("1", 1), ("2", 3)])
def test_what_was_refined_earlier_is_taken_only_for_the_same_inputs(tmp_path, version, again):
    """Another table or another image in a file's place is refined again."""
    call(tmp_path / "first")
    made = []
    call(tmp_path / "second", version=version, made=made, earlier=[tmp_path / "first"])
    assert len(made) == again, "one had failed"


@pytest.fixture
def shards(tmp_path):
    made = []
    for number in (1, 2):
        call(tmp_path / "out", shard=Shard(number, 2), made=made)
    return tmp_path / "out"


def test_shards_joined_say_of_every_image_what_its_shard_says(shards):
    folders = finished_shards(shards, "f", record_file=refine.RECORD_FILE)
    by_shard = [json.loads((folder / "refinement.json").read_text())["images"] for folder in folders]
    records = join(shards)
    assert [record.name for record in records] == NAMES_OF_IMAGES
    told = {image["name"]: image for images in by_shard for image in images}
    assert [json.loads(json.dumps(asdict(record))) for record in records] == [told[name] for name in NAMES_OF_IMAGES]
    assert sum(record.error is None for record in records) == 2
    traces = [path.name for path in (shards / "errors").rglob("*.txt")]
    assert len(traces) == 1, "that of the image which failed as nobody foresaw"
    assert content(shards / "overlays") == {
        path.name if path.parent.name == "overlays" else f"p1/{path.name}": path.read_bytes()
        for folder in folders
        for path in (folder / "overlays").rglob("*.png")
    }


def test_shards_are_not_joined_for_other_predictions_than_they_have_refined(shards):
    """Rows that a join takes from the table would not be those that the refiner saw."""
    with pytest.raises(HandboneError, match="is gone, or was changed, or is of other inputs"):
        join(shards, version="2")
    with pytest.raises(HandboneError, match=r"no shard has 1 of 5 images, such as late.png"):
        join(shards, names=[*NAMES_OF_IMAGES, "late.png"])
    with pytest.raises(HandboneError, match="the shards have 1 images that are not there"):
        join(shards, names=NAMES_OF_IMAGES[1:])
    assert not shards.exists()
