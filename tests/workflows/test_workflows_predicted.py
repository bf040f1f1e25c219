"""What became of images is read from disk, in order, and written the same way whatever has failed."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from page_toys import SIZE_HW, Folder, bone_masks, flag

from handbone.anatomy import NAMES
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import read_predictions
from handbone.formats.image_search import InputImage
from handbone.workflows.one_by_one import Outcome
from handbone.workflows.predicted import Predicted
from handbone.workflows.prediction_join import Extras, Summary, join, only_failures
from handbone.workflows.records import ImageRecord

HEAD = {"schema": "handbone.predictions/1", "weights": "small"}


@pytest.fixture
def predicted(tmp_path):
    """One image as usual, one that failed, one of three hands, and one without a hand."""
    folder = Folder(tmp_path)
    folder.add("a.png", flags=[flag("unsure", "is unsure", "Lunate")], inverted=True)
    for number, bones in ((1, 29), (2, 20), (3, 29)):
        folder.add(f"c.png#{number}", bones=bones, hands=3)
        folder.stems[f"c.png#{number}"] = f"c#{number}"
    folder.add("d.png", bones=0)
    images = [InputImage(name, tmp_path / "moved" / name) for name in ("a.png", "b.png", "c.png", "d.png")]
    found = Predicted(images, folder.kept, {"a.png": "a", "b.png": "b", "c.png": "c", "d.png": "d"})
    found.add(Outcome("a.png", ("a.png",)))
    found.add(Outcome("b.png", error="b.png: is cut", unread=True))
    found.add(Outcome("c.png", tuple(f"c.png#{number}" for number in (1, 2, 3)), known=True))
    found.add(Outcome("d.png", ("d.png",)))
    return found


ORDER = ["a.png", "b.png", "c.png#1", "c.png#2", "c.png#3", "d.png"]


def test_results_come_in_the_order_of_their_images_each_hand_by_itself(predicted):
    entries = list(predicted)
    assert [entry.record.name for entry in entries] == ORDER
    assert [entry.stem for entry in entries] == ["a", "b", "c#1", "c#2", "c#3", "d"]
    assert [entry.cells is None for entry in entries] == [name == "b.png" for name in ORDER]
    assert entries[3].cells == bone_masks(20).to_rle()
    failed = entries[1].record
    assert (failed.error, failed.outcome, failed.confidence) == ("b.png: is cut", "failed", {})


def test_a_record_says_where_its_image_is_now(predicted, tmp_path):
    assert {Path(entry.record.path).parent for entry in predicted} == {tmp_path / "moved"}


def test_records_are_a_sequence_that_reads_one_at_a_time(predicted):
    records = predicted.records
    assert len(records) == len(ORDER) and [record.name for record in records] == ORDER
    assert [records[number].name for number in (5, 0, 3)] == ["d.png", "a.png", "c.png#2"]
    assert [record.name for record in records[1:6:2]] == ["b.png", "c.png#2", "d.png"]
    assert [record.name for record in records[-2:]] == ORDER[-2:] and records[6:] == []
    for wrong in (6, -1):
        with pytest.raises(IndexError):
            records[wrong]


def test_stems_belong_to_results_and_to_failures(predicted):
    stems = predicted.stems_of_results()
    assert {name: stems[name] for name in ORDER} == {
        **{"a.png": "a", "b.png": "b", "d.png": "d"},
        **{f"c.png#{number}": f"c#{number}" for number in (1, 2, 3)},
    }


def test_what_a_format_lacks_is_noted_once_for_a_result_and_once_for_all(predicted):
    predicted.lacks("c.png#2", {"coco": "has no size"})
    predicted.lacks("c.png#2", {"nifti": "is no volume"})
    predicted.lacks("b.png", {"measurements": "has no mask"})
    predicted.lacks("a.png", {})
    predicted.all_lack({"png": "disk is slow"})
    unwritten = {entry.record.name: entry.record.unwritten for entry in predicted}
    assert unwritten["c.png#2"] == {"coco": "has no size", "nifti": "is no volume", "png": "disk is slow"}
    assert unwritten["a.png"] == unwritten["c.png#1"] == {"png": "disk is slow"}
    # What failed has nothing that a format could write.
    assert unwritten["b.png"] == {"measurements": "has no mask"}


def test_whether_anything_was_made(predicted, tmp_path):
    assert predicted.any_made
    images = [InputImage(name, tmp_path / name) for name in ("x", "y")]
    nothing = Predicted(images, predicted.kept, {"x": "x", "y": "y"})
    nothing.add(Outcome("x", error="no"))
    assert nothing.any_made
    nothing.add(Outcome("y", error="no"))
    assert not nothing.any_made


def test_the_record_the_lines_and_the_table_say_the_same(predicted):
    summary = join(predicted, Extras(), HEAD)
    folder = predicted.kept.folder
    record = json.loads((folder / "predictions.json").read_text())
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert record["images"] == lines and list(record) == [*HEAD, "images"]
    assert [image["name"] for image in lines] == ORDER
    table = dict(read_predictions(folder / "predictions.csv"))
    assert list(table) == [name for name in ORDER if name != "b.png"]
    assert table["c.png#2"] == bone_masks(20).to_rle() and table["d.png"] == [""] * 29
    with open(folder / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    told = {(row["image_name"], row["class"]): float(row["confidence"]) for row in rows}
    assert told["c.png#2", NAMES[19]] == 0.95 and told["c.png#2", NAMES[20]] == 0
    assert {(row["height"], row["width"]) for row in rows} == {tuple(map(str, SIZE_HW))}
    assert summary.outcomes == {"outlined": 4, "failed": 1, "no_hand": 1} and summary.total == 6
    assert (summary.doubtful, summary.inverted, summary.unwritten) == (1, 1, 0)
    assert [one.name for one in summary.failed] == ["b.png"]
    assert [asdict(one) for one in summary.records(folder)] == [
        {key: value for key, value in image.items() if key != "outcome"} for image in lines
    ]


class Refusing:
    """A writer that cannot take some images, or cannot end."""

    def __init__(self, folder, refuses=(), ends=True):
        self.folder, self.refuses, self.ends, self.seen = folder, refuses, ends, []

    def write(self, image):
        self.seen.append(image)
        if image.name in self.refuses:
            raise HandboneError("has too many hands", where=image.name)
        (self.folder / f"{image.stem}.txt").write_text(image.name)

    def close(self):
        if not self.ends:
            raise HandboneError("the list is too long", where="ending")


def test_a_format_that_refuses_one_image_has_the_others_and_says_why(predicted):
    made = []

    def make(folder):
        made.append(Refusing(folder, ["c.png#2"]))
        return made[-1]

    summary = join(predicted, Extras(writers={"strict": make}), HEAD)
    images = json.loads((predicted.kept.folder / "predictions.json").read_text())["images"]
    assert {image["name"]: image["unwritten"] for image in images if image["unwritten"]} == {
        "c.png#2": {"strict": "c.png#2: has too many hands"}
    }
    assert summary.unwritten == 1
    assert sorted(path.name for path in (predicted.kept.folder / "strict").iterdir()) == [
        *("a.txt", "c#1.txt", "c#3.txt", "d.txt")
    ]
    first = made[0].seen[0]
    assert (first.name, first.stem, first.model) == ("a.png", "a", "small")
    assert first.confidence == dict.fromkeys(NAMES, 0.95)
    assert np.array_equal(first.masks.dense(), bone_masks(29).dense()) and first.flags[0]["rule"] == "unsure"


def test_a_format_that_cannot_end_leaves_nothing_and_every_result_lacks_it(predicted):
    summary = join(predicted, Extras(writers={"strict": lambda folder: Refusing(folder, ends=False)}), HEAD)
    assert not (predicted.kept.folder / "strict").exists()
    images = json.loads((predicted.kept.folder / "predictions.json").read_text())["images"]
    told = {image["name"]: image["unwritten"] for image in images}
    assert told.pop("b.png") == {} and set(map(str, told.values())) == {str({"strict": "ending: the list is too long"})}
    assert summary.unwritten == 5


def test_measurements_read_the_record_first_and_what_they_lack_stands_in_it_then(predicted):
    seen = []

    def measure(folder):
        seen.append(json.loads((folder / "predictions.json").read_text())["images"][0]["unwritten"])
        assert (folder / "predictions.csv").is_file()
        return {"a.png": "a.png: is cut off"}

    summary = join(predicted, Extras(measure=measure), HEAD)
    images = json.loads((predicted.kept.folder / "predictions.json").read_text())["images"]
    assert seen == [{}] and images[0]["unwritten"] == {"measurements": "a.png: is cut off"}
    assert summary.unwritten == 1 and summary.total == 6, "counted once, though written twice"


def test_where_nothing_was_made_nothing_is_measured_or_written(tmp_path):
    images = [InputImage(name, tmp_path / name) for name in ("x.png", "y.png")]
    folder = Folder(tmp_path)
    nothing = Predicted(images, folder.kept, {"x.png": "x", "y.png": "y"})
    for image in images:
        nothing.add(Outcome(image.key, error=f"{image.key}: is cut"))
    summary = only_failures(nothing)
    assert summary.outcomes == {"failed": 2} and not any(folder.kept.folder.iterdir())
    assert [record.error for record in summary.records(tmp_path / "gone")] == ["x.png: is cut", "y.png: is cut"]
    join(nothing, Extras(measure=lambda folder: pytest.fail("there is nothing to measure")), HEAD)
    assert (folder.kept.folder / "predictions.json").is_file()


def test_failures_are_told_from_memory_only_where_no_record_is(tmp_path):
    summary = Summary()
    summary.add(ImageRecord("x", "x", error="now"))
    (tmp_path / "predictions.json").write_text(
        json.dumps({"images": [ImageRecord("x", "x", error="as recorded").to_json()]}, indent=1)
    )
    assert [record.error for record in summary.records(tmp_path)] == ["as recorded"]
