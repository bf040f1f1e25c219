"""Label files as people bring them: each is read right, or named with what to do; none is passed over in silence."""

import json

import cv2
import numpy as np
import openpyxl
import pytest
from data_toys import SIZE, annotation, draw, toy_hand, write_hand
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from handbone.anatomy import NAMES
from handbone.cli.data import app
from handbone.core.errors import HandboneError
from handbone.data.audit.check import check_dataset
from handbone.data.dataset import open_dataset
from handbone.data.split import split_patients
from handbone.recipe.schema import Data, Split

HAND = toy_hand()
CATEGORIES = [{"id": number, "name": name} for number, name in enumerate(NAMES)]


def opened(root, **settings):
    return open_dataset(Data(path=str(root), **settings))


def entries(image_id, hand=None, *, scale=1.0):
    """COCO annotations of a hand."""
    points = (hand or HAND).values()
    return [
        {"image_id": image_id, "category_id": number, "segmentation": [(p * scale).ravel().tolist()]}
        for number, p in enumerate(points)
    ]


def image(root, name, hand=None):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), draw(hand or HAND))


def write_coco(root, images, annotations, file="labels.json"):
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": CATEGORIES}))


def listed(image_id, name, **more):
    return {"id": image_id, "file_name": name, "width": SIZE, "height": SIZE} | more


def rules(root, **settings):
    """Rule to severity of what `data check` finds."""
    return {f.rule: f.severity for f in check_dataset(opened(root, **settings))}


@pytest.fixture
def one(tmp_path):
    """A COCO set of one image."""
    image(tmp_path, "a.png")
    write_coco(tmp_path, [listed(1, "a.png")], entries(1))
    return tmp_path


def change(root, **changes):
    path = root / "labels.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_images_of_one_base_name_are_different_images_of_different_patients(tmp_path):
    images, annotations = [], []
    for patient in range(4):
        for name in ("wrist.png", "again.png"):
            image(tmp_path, f"p{patient}/{name}", toy_hand(bend=3 * patient))
            images.append(listed(len(images), f"p{patient}/{name}"))
            annotations += entries(images[-1]["id"], toy_hand(bend=3 * patient))
    write_coco(tmp_path, images, annotations)
    dataset = opened(tmp_path)
    assert [s.name for s in dataset.samples] == sorted(i["file_name"] for i in images)
    assert {s.patient_id for s in dataset.samples} == {"p0", "p1", "p2", "p3"}
    for sample in dataset.samples:
        bend = 3 * int(sample.patient_id[1])
        np.testing.assert_allclose(
            dataset.labels(sample).polygons[0][0].mean(0), toy_hand(bend=bend)[NAMES[0]].mean(0), atol=3
        )
    train, validation = split_patients(dataset, dataset.labelled(), Split(folds=2))
    assert len(train) == len(validation) == 4
    assert not {s.patient_id for s in train} & {s.patient_id for s in validation}


@pytest.mark.parametrize(
    ("names", "patients"),
    [
        (["images/a_R.png", "images/a_L.png", "images/b.png"], {"images/a", "images/b"}),
        (["clinic/p1/x.png", "clinic/p1/y.png", "clinic/p2/x.png"], {"clinic/p1", "clinic/p2"}),
        (["train/p1/x.png", "valid/p1/y.png", "valid/p2/x.png"], {"train/p1", "valid/p1", "valid/p2"}),
        ([f"big/{n}.png" for n in range(11)] + ["small/x.png"], {*(f"big/{n}" for n in range(11)), "small"}),
        (["a.png", "b.png"], {"a", "b"}),
    ],
)
def test_the_patient_is_read_off_the_folder(tmp_path, names, patients):
    for name in names:
        image(tmp_path, name)
    write_coco(tmp_path, [listed(n, name) for n, name in enumerate(names)], [])
    assert {s.patient_id for s in opened(tmp_path).samples} == patients


@pytest.mark.parametrize("key", ["patient_id", "patient", "person", "subject_id"])
def test_a_file_s_own_patient_wins(one, key):
    change(one, images=[listed(1, "a.png", **{key: 17})])
    assert opened(one).samples[0].patient_id == "17"


@pytest.mark.parametrize(("of_image", "of_annotation"), [(1, "1"), ("1", 1), (1.0, 1), (" 1", "1"), ("a", "a")])
def test_ids_are_compared_as_texts(one, of_image, of_annotation):
    change(one, images=[listed(of_image, "a.png")], annotations=entries(of_annotation))
    dataset = opened(one)
    assert len(dataset.labels(dataset.samples[0]).polygons) == 29 and rules(one) == {}


def test_repeated_image_ids_are_named_and_train_nothing(one):
    image(one, "b.png")
    change(one, images=[listed(1, "a.png"), listed(1, "b.png")])
    assert rules(one)["repeated-image-id"] == "error"
    assert opened(one).labelled() == ()


def test_annotations_of_no_image_are_counted(one):
    change(one, annotations=[*entries(1), *entries(2)])
    [found] = opened(one).problems
    assert (
        found.rule == "annotation-of-no-image" and "29 annotations" in found.message and "image_id 2" in found.message
    )


def test_an_image_that_two_files_list_is_named(one):
    write_coco(one, [listed(5, "a.png")], entries(5), file="annotations/more.json")
    assert rules(one)["repeated-image"] == "error" and len(opened(one).labelled()) == 1


def test_an_image_without_any_label_is_an_error_unless_told_otherwise(one):
    change(one, annotations=[])
    assert rules(one)["no-outline"] == "error"
    dataset = opened(one)
    with pytest.raises(HandboneError, match=r"a\.png has no outlined bone; outline its bones, or set data\.empty_"):
        dataset.labels(dataset.samples[0])
    told = opened(one, empty_labels="use")
    assert told.labels(told.samples[0]).polygons == {} and "no-outline" not in rules(one, empty_labels="use")


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train/a.png", "test/b.png"], {"train/a.png": "train", "test/b.png": "test"}),
        (["latest/a.png", "valid/b.png"], {"latest/a.png": "train", "valid/b.png": "train"}),
    ],
)
def test_roboflow_s_folders_are_read(tmp_path, names, parts):
    for number, name in enumerate(names):
        image(tmp_path, name)
        folder, base = name.split("/")
        write_coco(tmp_path, [listed(number, base)], entries(number), file=f"{folder}/_annotations.coco.json")
    dataset = opened(tmp_path)
    assert {s.key_in(tmp_path): s.split for s in dataset.samples} == parts and len(dataset.labelled()) == 2
    assert all(len(dataset.labels(s).polygons) == 29 for s in dataset.samples)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_any_unicode_is_read(one, encoding):
    path = one / "labels.json"
    path.write_text(path.read_text(), encoding=encoding)
    assert rules(one) == {} and len(opened(one).labelled()) == 1


@pytest.mark.parametrize(("on_disk", "named"), [("ro\u0308.png", "r\u00f6.png"), ("r\u00f6.png", "ro\u0308.png")])
def test_letters_and_accents_may_be_one_or_two_in_a_name(tmp_path, on_disk, named):
    image(tmp_path, f"p1/{on_disk}")
    write_coco(tmp_path, [listed(1, f"p1/{named}")], entries(1))
    assert rules(tmp_path) == {} and len(opened(tmp_path).labelled()) == 1


def test_names_that_differ_in_that_alone_are_two_images(tmp_path):
    names = ["r\u00f6.png", "ro\u0308.png"]
    hands = toy_hand(), toy_hand(bend=5)
    for name, hand in zip(names, hands, strict=True):
        image(tmp_path, name, hand)
    annotations = [*entries(0, hands[0]), *entries(1, hands[1])]
    write_coco(tmp_path, [listed(n, name) for n, name in enumerate(names)], annotations)
    dataset = opened(tmp_path)
    assert len(dataset.labelled()) == 2
    for sample in dataset.samples:
        expected = toy_hand(bend=5 * names.index(sample.name))["Capitate"]
        np.testing.assert_allclose(dataset.labels(sample).polygons[21][0].mean(0), expected.mean(0), atol=2)


STRANGERS = {
    "VIA": ("via.json", '{"a.png1": {"regions": [{"shape_attributes": {}}]}}', "VIA labels"),
    "half a COCO file": ("c.json", '{"images": [], "categories": [], "annotations": [{"id"', "not valid JSON"),
    "half a JSON file": ("c.json", '{"images": [', "not valid JSON"),
    "brackets": ("c.json", "[" * 100_000, "not valid JSON"),
    "digits": ("c.json", "9" * 5000, "not valid JSON"),
    "Pascal VOC": ("a.xml", "<annotation><object/></annotation>", "Pascal VOC labels"),
    "YOLO": ("a.txt", "0 0.5 0.5 0.1 0.1 0.2 0.3\n", "YOLO labels"),
    "run lengths": ("p.csv", "image_name;class;rle\n", "masks or"),
    "a volume": ("a.nii.gz", "x", "volume"),
    "a packed file": ("labels.json.gz", "x", "packed"),
    "MATLAB": ("a.mat", "MATLAB 5.0", "values of a program"),
    "QuPath": ("project.qpdata", "x", "values of a program"),
    "COCO without categories": ("c.json", '{"images": [], "annotations": [{"segmentation": []}]}', "does not know"),
    "CreateML": ("c.json", '[{"image": "a.png", "annotations": [{"label": "Radius"}]}]', "does not know"),
    "Darwin": ("a.json", '{"item": {}, "annotations": [{"polygon": {"paths": []}}]}', "does not know"),
    "QuPath's GeoJSON": ("a.geojson", '{"geometry": {"type": "Polygon", "coordinates": [[]]}}', "does not know"),
    "lines of JSON": ("a.jsonl", '{"image_id": 1, "segmentation": [[1, 2, 3]]}\n{"image_id": 2}\n', "does not know"),
    "COCO in a text file": ("labels.txt", '{"images": [], "annotations": [], "categories": []}', "COCO labels"),
    "YAML": ("labels.yaml", "images:\n- id: 1\nannotations:\n- points: [1, 2]\n", "does not know"),
    "Aperio": ("a.xml", '<?xml version="1.0"?>\n<Annotations><Annotation/></Annotations>', "does not know"),
    "YOLO with names": ("a.txt", "Radius 0.5 0.5 0.1 0.1 0.2 0.3\n", "YOLO labels"),
    "Kaggle's run lengths": ("train.csv", "ImageId,EncodedPixels\n", "masks or"),
    "polygons in a table": ("p.csv", "filename,label,points\n", "masks or"),
    "regions of ImageJ": ("RoiSet.zip", "PK\3\4", "packed"),
    "TensorFlow": ("train.tfrecord", "x", "values of a program"),
    "COCO without an extension": ("annotations", '{"images": [], "annotations": [], "categories": []}', "COCO labels"),
    "COCO under a name of its own": (
        "labels.coco",
        '\n{"images": [], "annotations": [], "categories": []}',
        "COCO labels",
    ),
    "a drawing over an image": ("a.svg", "<svg><path d='M0 0 1 1'/></svg>", "as a drawing"),
    "a drawing of an image": ("x.svg", "<svg><image href='a.png'/><path d='M0 0 1 1'/></svg>", "as a drawing"),
    "an empty list": ("labels.json", "[]\n", "holds none"),
    "nothing at all": ("coco_annotations.json", "null", "holds none"),
    "a workbook by its name": ("labels.ods", "PK", "as a workbook"),
    "a COCO file of something else": ("c.json", '{"images": 1, "annotations": 2, "categories": 3}', "COCO labels"),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_label_files_that_are_not_read_are_named(tmp_path, kind):
    name, text, words = STRANGERS[kind]
    image(tmp_path, "a.png")
    (tmp_path / name).write_text(text)
    result = CliRunner().invoke(app, ["check", str(tmp_path), "--json"])
    found = [f for f in json.loads(result.stdout)["findings"] if f["rule"] == "unread-labels"]
    assert result.exit_code == 1 and [f["file"] for f in found] == [name]
    assert words in found[0]["message"] and found[0]["remedy"] and found[0]["severity"] == "error"


@pytest.mark.parametrize(("column", "named"), [("rle", True), ("Polygon", True), ("age", False)])
def test_a_workbook_of_labels_is_named_and_one_of_patients_is_not(one, column, named):
    book = openpyxl.Workbook()
    book.active.append(["image_name", "class", column])
    book.active.append(["a.png", "Radius", "1 2"])
    book.save(one / "hands.xlsx")
    found = [f for f in check_dataset(opened(one)) if f.rule == "unread-labels"]
    assert [f.file for f in found] == ["hands.xlsx"] * named
    assert not named or ("workbook" in found[0].message and "save it as CSV" in found[0].remedy)


@pytest.mark.parametrize(
    ("name", "text", "layout"),
    [
        ("b.json", '{"shapes": [], "imagePath": "a.png"}', "labelme"),
        ("ls.json", '[{"data": {}, "result": [{"from_name": "x", "to_name": "y"}]}]', "label_studio"),
        ("c.xml", '<?xml version="1.0"?><annotations><image/></annotations>', "cvat"),
    ],
)
def test_labels_of_another_tool_beside_those_that_are_read_are_named(one, name, text, layout):
    (one / name).write_text(text)
    [found] = [f for f in check_dataset(opened(one)) if f.rule == "unread-labels"]
    assert found.file == name and found.severity == "warning" and f"--layout {layout}" in found.remedy
    assert opened(one, layout=layout).layout == layout


def test_other_files_are_nobody_s_labels(one):
    ours = '{"schema": "handbone.predictions/1", "masks": []}'
    others = [("notes.txt", "0 5 hands"), ("package.json", "{}"), ("ages.csv", "id,age\n1,30\n"), ("p.json", ours)]
    others += [
        ("conf.yaml", "path: here\n"),
        ("todo.txt", "[ ] outline the hands"),
        ("originals.zip", "PK"),
        ("logo.svg", "<svg><path d='M0 0 1 1'/></svg>"),
        ("patients.xlsx", "PK"),
        ("LICENSE", "[draft] {annotations: none}"),
        ("settings.json", '{"points_of_contact": "x"}'),
    ]
    for name, text in others:
        (one / name).write_text(text)
    assert rules(one) == {}


@pytest.mark.parametrize(
    ("declared", "scale", "rule"),
    [
        ((320, 320), 1.25, "scaled-labels"),
        ((128, 128), 1.0, "metadata-size"),
        ((512, 512), 1.0, "other-size"),
        ((320, 200), 1.25, "other-size"),
    ],
)
def test_a_declared_size_is_compared_with_the_image(one, declared, scale, rule):
    width, height = declared
    change(one, images=[listed(1, "a.png", width=width, height=height)], annotations=entries(1, scale=scale))
    dataset = opened(one)
    labels = dataset.read_labels(dataset.samples[0])
    assert rule in {p.rule for p in labels.problems}
    assert len(labels.polygons) == (0 if rule == "other-size" else 29)
    if labels.polygons:
        np.testing.assert_allclose(labels.polygons[21][0].mean(0), HAND["Capitate"].mean(0), atol=2)


def test_labels_of_a_turned_image_are_refused(tmp_path):
    """As a JPEG has them whose EXIF turns it, where the tool that drew the labels turned it and the reader does not."""
    cv2.imwrite(str(tmp_path / "a.png"), draw(HAND)[:, :200])
    turned = {name: points[:, ::-1] for name, points in HAND.items()}
    write_coco(tmp_path, [listed(1, "a.png", width=SIZE, height=200)], entries(1, turned))
    dataset = opened(tmp_path)
    labels = dataset.read_labels(dataset.samples[0])
    assert labels.polygons == {} and "turned by 90 degrees" in labels.problems[0].message


def test_run_lengths_of_a_larger_image_are_scaled(one):
    annotations = entries(1)
    for entry, points in zip(annotations, HAND.values(), strict=True):
        rle = coco_mask.merge(coco_mask.frPyObjects([(points * 2).ravel().tolist()], 2 * SIZE, 2 * SIZE))
        entry["segmentation"] = {"size": rle["size"], "counts": rle["counts"].decode()}
    change(one, images=[{"id": 1, "file_name": "a.png"}], annotations=annotations)
    dataset = opened(one)
    labels = dataset.labels(dataset.samples[0])
    assert [p.rule for p in labels.problems] == ["scaled-labels"]
    np.testing.assert_allclose(labels.centroids_xy()[21], HAND["Capitate"].mean(0), atol=1)


def test_points_in_the_frame_of_the_contest_s_metadata_are_scaled(tmp_path):
    write_hand(tmp_path, "train", "ID001", "one")
    path = tmp_path / "train/outputs_json/ID001/one.json"
    path.write_text(json.dumps(annotation([(n, p * 3060 / SIZE) for n, p in HAND.items()], filename="one.png")))
    dataset = opened(tmp_path)
    labels = dataset.labels(dataset.samples[0])
    assert "scaled-labels" in {p.rule for p in labels.problems}
    np.testing.assert_allclose(labels.centroids_xy()[21], HAND["Capitate"].mean(0), atol=1)


@pytest.mark.parametrize("name", ["../secret.png", "..\\secret.png", "sub/../../secret.png", "/{root}/secret.png"])
def test_no_path_leaves_the_folder(one, name):
    image(one.parent, "secret.png")
    change(one, images=[listed(1, name.format(root=one.parent))])
    dataset = opened(one)
    assert [s.key_in(one) for s in dataset.samples] == ["a.png"] and dataset.labelled() == ()
    assert "no-image" in {p.rule for p in dataset.problems}
    (one.parent / "secret.png").unlink()


def test_a_path_that_stays_in_the_folder_may_climb(tmp_path):
    image(tmp_path, "images/a.png")
    write_coco(tmp_path, [listed(1, "../images/a.png")], entries(1), file="annotations/labels.json")
    assert len(opened(tmp_path).labelled()) == 1


NUMBERS = [float("nan"), float("inf"), -float("inf"), 1e9, -1e9, 1e300, 10**400, None, "1", [1], {}]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: str(n)[:9])
def test_numbers_of_polygons_are_checked_before_native_code(one, number):
    annotations = entries(1)
    annotations[3]["segmentation"][0][5] = number
    change(one, annotations=annotations)
    dataset = opened(one)
    labels = dataset.labels(dataset.samples[0])
    assert len(labels.polygons) == 28 and [p.rule for p in labels.problems if p.severity == "error"] == [
        "broken-outline"
    ]


@pytest.mark.parametrize(
    "counts",
    [
        *([-5, SIZE**2 + 5], [2**40, 1], [5, 5], [], [SIZE**2 / 2 + 0.5] * 2, ["1"], None, "", "0", "ÿ", "~~~~~~~~~~"),
        *(5, [2**63, 2**63], [float("nan")]),
    ],
    ids=lambda c: str(c)[:12],
)
def test_run_lengths_are_checked_before_native_code(one, counts):
    annotations = entries(1)
    annotations[3]["segmentation"] = {"size": [SIZE, SIZE], "counts": counts}
    change(one, annotations=annotations)
    dataset = opened(one)
    labels = dataset.labels(dataset.samples[0])
    assert len(labels.polygons) == 28 and [p.rule for p in labels.problems if p.severity == "error"] == [
        "broken-outline"
    ]


@pytest.mark.parametrize("side", [60_000, 100_000, 1_000_000])
@pytest.mark.parametrize("kind", ["runs", "polygon"])
def test_labels_of_an_image_that_nobody_has_take_no_memory(one, side, kind):
    """pycocotools would unpack them whole; its runs have 32 bits."""
    runs = {"size": [side, side], "counts": [0, side * side]}
    drawn = runs if kind == "runs" else [[0.0, 0.0, side, 0.0, side, side]]
    annotations = [entry | {"segmentation": drawn} for entry in entries(1)]
    change(one, images=[listed(1, "a.png", width=side, height=side)], annotations=annotations)
    dataset = opened(one)
    problems = dataset.read_labels(dataset.samples[0]).problems
    assert "more than any radiograph has" in next(p.message for p in problems if p.rule == "broken-outline")


def test_an_outline_without_end_is_refused(one):
    annotations = entries(1)
    annotations[3]["segmentation"] = [[0.0, 0.0, SIZE, SIZE] * 5000]
    change(one, annotations=annotations)
    dataset = opened(one)
    assert "times as long as" in str([p.message for p in dataset.labels(dataset.samples[0]).problems])
