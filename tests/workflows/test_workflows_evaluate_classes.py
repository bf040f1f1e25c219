"""`evaluate` with class maps, on files in the form of RAM-H1200 and RAM-W600: unions, skipped classes, left hands."""

import json

import numpy as np
import pytest
from data_toys import SIZE
from evaluate_toys import write_coco, write_table

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.evaluation.classes import ScoredClass, in_classes, scored_classes
from handbone.recipe.class_map import ClassMap
from handbone.recipe.schema import Data
from handbone.workflows.evaluate import evaluate


def ram(name: str) -> dict[str, tuple[str, ...]]:
    """Each class of a map with its bones by name; of one to be skipped something that is none."""
    classes = ClassMap.load(name).classes
    return {label: tuple(NAMES[bone] for bone in bones) or ("ring",) for label, bones in classes.items()}


def predicted(hands, shift=(0, 0)) -> dict[str, BoneMasks]:
    return {
        name: BoneMasks.from_polygons({INDEX[n]: [p + np.array(shift)] for n, p in hand.items()}, (SIZE, SIZE))
        for name, hand in hands.items()
    }


@pytest.mark.parametrize("name", ["ram_h1200", "ram_w600"])
def test_merged_classes_are_compared_with_the_union(tmp_path, name):
    hands = write_coco(tmp_path / "ram", ram(name))
    masks = predicted(hands, shift=(2, 0))
    found = evaluate(write_table(tmp_path / "t.csv", masks), tmp_path / "ram", class_map=name)
    union = "Triquetrum+Pisiform"
    bones = set(found.table["bone"])
    assert union in bones and not {"Triquetrum", "Pisiform"} & bones
    assert len(bones) == (28 if name == "ram_h1200" else 14)
    truth = open_dataset(Data(path=str(tmp_path / "ram"), class_map=name)).samples
    assert len(truth) == 3 and not found.label_problems
    # By hand: the labels' one mask against both predicted bones together.
    label = predicted(hands)["0034_R.png"].dense()[[25, 26]].any(0)
    both = masks["0034_R.png"].dense()[[25, 26]].any(0)
    expected = (2 * (label & both).sum() + 1e-4) / (label.sum() + both.sum() + 1e-4)
    rows = found.table.set_index(["image_name", "bone"])
    assert rows.loc[("0034_R.png", union), "dice"] == pytest.approx(expected)
    assert rows.loc[("0034_R.png", union), "area"] == both.sum()
    assert rows.loc[("0034_R.png", "Lunate"), "dice"] < 1
    # Both hands of a patient are told by their names.
    first = found.rows.drop_duplicates("image_name").set_index("image_name")
    assert dict(first["side"]) == {"0012_L.png": "L", "0012_R.png": "R", "0034_R.png": "R"}
    assert list(first["patient_id"].sort_index()) == ["0012", "0012", "0034"]
    record = found.to_json()
    assert record["classes"][union] == ["Triquetrum", "Pisiform"] and record["class_map"] == name


def test_predictions_may_have_the_data_set_s_classes_too(tmp_path):
    classes = ram("ram_w600")
    write_coco(tmp_path / "truth", classes)
    write_coco(tmp_path / "theirs", classes)
    found = evaluate(tmp_path / "theirs/annotations.json", tmp_path / "truth", class_map="ram_w600")
    assert found.dice() == 1
    with pytest.raises(HandboneError, match=r"none of 3 images could be compared; .*unknown class 'DistalRadius'"):
        truth = write_table(tmp_path / "t.csv", predicted(write_coco(tmp_path / "more", classes)))
        evaluate(tmp_path / "theirs", truth)


def test_measures_leave_out_bones_that_labels_merge(tmp_path):
    hands = write_coco(tmp_path / "ram", ram("ram_h1200"))
    found = evaluate(
        write_table(tmp_path / "t.csv", predicted(hands)), tmp_path / "ram", class_map="ram_h1200", measures=True
    )
    summary = found.measurement_summary.set_index("measure")
    line = summary.loc["capitate_triquetrum_distance"]
    assert (line["images"], line["neither"]) == (0, 3)
    reason = found.measurement_errors.set_index("measure").loc["capitate_triquetrum_distance", "reason"].iloc[0]
    assert "the labels merge Triquetrum+Pisiform" in reason
    assert summary.loc["length", "images"].sum() > 0


def test_a_map_reads_labels_of_data_sets_as_well(tmp_path):
    write_coco(tmp_path / "ram", ram("ram_h1200"))
    dataset = open_dataset(Data(path=str(tmp_path / "ram"), class_map="ram_h1200"))
    labels = dataset.labels(dataset.samples[0])
    assert len(labels.polygons) == 28 and INDEX["Pisiform"] not in labels.polygons
    rules = {problem.rule: problem for problem in labels.problems}
    assert "'Pisifrom_Triquetrum' merges Triquetrum and Pisiform" in rules["merged-class"].message
    assert "unknown-label" not in rules and "missing-bones" not in rules
    plain = open_dataset(Data(path=str(tmp_path / "ram")))
    unknown = [p.message for p in plain.labels(plain.samples[0]).problems if p.rule == "unknown-label"]
    assert "unknown label 'Sesamoid'" in unknown and "unknown label 'MC1'" in unknown


def test_a_partial_map_leaves_other_bones_as_they_are(tmp_path):
    classes = {name: (name,) for name in NAMES} | {"ring": ("ring",)}
    classes["os lunatum"] = classes.pop("Lunate")
    hands = write_coco(tmp_path / "own", classes)
    found = evaluate(
        write_table(tmp_path / "t.csv", predicted(hands)),
        tmp_path / "own",
        class_map=ClassMap.parse(["os lunatum=Lunate", "ring=skip"]),
    )
    assert set(found.table["bone"]) == set(NAMES) and found.dice() == 1
    content = json.loads((tmp_path / "own/annotations.json").read_text())
    assert {"ring", "os lunatum"} <= {category["name"] for category in content["categories"]}


def test_scored_classes():
    plain = scored_classes()
    assert [each.name for each in plain] == list(NAMES)
    assert [each.name for each in scored_classes(wanted="forearm")] == ["Radius", "Ulna"]
    merged = ClassMap("m", {"tp": (25, 26), "h": (23,)})
    assert "Triquetrum+Pisiform" in [each.name for each in scored_classes(merged, "Pisiform, Ulna")]
    with pytest.raises(HandboneError, match="two merged classes hold Pisiform"):
        scored_classes(ClassMap("m", {"tp": (25, 26), "lp": (24, 26)}))
    with pytest.raises(HandboneError, match="the labels have none of 'thumb'"):
        scored_classes(ClassMap("m", {"tp": (25, 26)}, complete=True), "thumb")


def test_a_union_is_the_union_and_nothing_else_is_left():
    rng = np.random.default_rng(1)
    dense = np.zeros((29, 20, 30), bool)
    dense[25, 3:9, 4:11], dense[26, 6:14, 8:20], dense[3] = True, True, rng.random((20, 30)) < 0.5
    found = in_classes(
        BoneMasks.from_dense(dense), (ScoredClass((3,)), ScoredClass((25, 26)), ScoredClass((7, 8)))
    ).dense()
    assert np.array_equal(found[25], dense[25] | dense[26]) and np.array_equal(found[3], dense[3])
    assert found.any((1, 2)).nonzero()[0].tolist() == [3, 25]
