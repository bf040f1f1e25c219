"""Label files as tools and accidents leave them: every damage is one sentence, and the rest of the file is read."""

import json

import cv2
import numpy as np
import pytest
from data_toys import annotation, toy_hand, write_hand

from handbone.anatomy import INDEX
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.formats import json_files
from handbone.formats.contest_csv_writer import ContestWriter
from handbone.formats.image_search import find_images
from handbone.formats.json_files import files_with, read_bytes, read_json
from handbone.formats.xml_files import files_with as xml_files_with
from handbone.recipe.schema import Data


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not valid JSON: Expecting property name enclosed in double quotes in line 1"),
        (b'{"a": 1,\n\n"b": }', "not valid JSON: Expecting value in line 3"),
        (b"[" * 100_000, "not valid JSON: nested too deeply"),
        (b"9" * 5000, "not valid JSON: a number without end"),
        (b'{"a": "\xff"}', "not a text in UTF-8"),
        (b"", "not valid JSON: Expecting value in line 1"),
    ],
)
def test_damaged_json_names_its_file_and_line(tmp_path, content, words):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(HandboneError) as error:
        read_json(tmp_path / "a.json")
    assert str(error.value).startswith(f"{tmp_path / 'a.json'}: {words}") and error.value.remedy


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_is_read_in_every_encoding_that_it_may_have(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes(json.dumps({"환자": 1}, ensure_ascii=False).encode(encoding))
    assert read_json(tmp_path / "a.json") == {"환자": 1}


@pytest.mark.parametrize("more", [0, 1])
def test_a_file_may_be_as_large_as_the_limit(tmp_path, more):
    (tmp_path / "a.json").write_bytes(b"1" * 10)
    if not more:
        assert read_bytes(tmp_path / "a.json", largest=10) == b"1" * 10
        return
    with pytest.raises(HandboneError, match=r"the file of 0 MB is larger than 0 MB; split it into several files"):
        read_bytes(tmp_path / "a.json", largest=9)


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_a_file_that_cannot_be_read_says_why(tmp_path, what):
    if what == "folder":
        (tmp_path / "a.json").mkdir()
    with pytest.raises(HandboneError, match=r"cannot be read: .+; check its permissions"):
        read_bytes(tmp_path / "a.json")


def test_marks_are_looked_for_in_files_that_can_be_read_nearest_first(tmp_path):
    for name in ("deep/b.json", "a.json", ".hidden/c.json", "z.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"x": "y"')
    (tmp_path / "bad.json").write_bytes(b"\xff\xff\xff")
    (tmp_path / "folder.json").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in files_with(tmp_path, ['"x"', '"y"'])]
    assert found == ["a.json", "z.json", "deep/b.json"] and list(files_with(tmp_path, ['"w"'])) == []
    (tmp_path / ".a.xml").write_text("<annotations>")
    (tmp_path / "b.xml").write_text("<annotations>")
    assert [path.name for path in xml_files_with(tmp_path, b"<annotations")] == ["b.xml"]
    assert json_files.LARGEST == 1 << 29


def contest(tmp_path, **changes):
    path = write_hand(tmp_path, "train", "ID001", "image1")
    file = tmp_path / "train/outputs_json/ID001/image1.json"
    content = json.loads(file.read_text()) | changes
    file.write_text(json.dumps(content))
    dataset = open_dataset(Data(path=str(tmp_path)))
    return dataset, dataset.samples[0], path


@pytest.mark.parametrize("annotations", [None, {}, "text", 5])
def test_annotations_that_are_no_list_are_refused(tmp_path, annotations):
    dataset, sample, _ = contest(tmp_path, annotations=annotations)
    with pytest.raises(HandboneError, match=r"image1\.json: the file has no list 'annotations'; export it again"):
        dataset.read_labels(sample)


@pytest.mark.parametrize(
    ("entry", "rule", "words"),
    [
        (5, "broken-outline", "an annotation has no label"),
        ({"points": []}, "broken-outline", "an annotation has no label"),
        ({"label": "Lunate", "type": "bbox"}, "not-a-polygon", "the annotation of Lunate is of type 'bbox', not"),
    ],
)
def test_an_annotation_that_is_none_is_said_and_the_others_are_read(tmp_path, entry, rule, words):
    entries = annotation(list(toy_hand().items()), filename="image1.jpg")["annotations"]
    dataset, sample, _ = contest(tmp_path, annotations=[entry, *entries])
    labels = dataset.read_labels(sample)
    found = next(problem for problem in labels.problems if problem.rule == rule)
    assert found.message.startswith(words) and found.severity == "error" and len(labels.polygons) == 29


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("image1.jpg", {"filename-extension": "note"}),
        ("image2.png", {"filename-differs": "warning"}),
        ("IMAGE1.png", {"filename-differs": "warning"}),
        ("deep/image1.png", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_a_file_s_name_for_its_image_may_have_another_ending_or_none(tmp_path, name, rules):
    dataset, sample, _ = contest(tmp_path, filename=name)
    problems = dataset.read_labels(sample).problems
    assert {problem.rule: problem.severity for problem in problems if "filename" in problem.rule} == rules


def studio(tmp_path, *results):
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 255, (100, 200), np.uint8))
    task = {"data": {"image": "a.png"}, "annotations": [{"result": list(results)}]}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    dataset = open_dataset(Data(path=str(tmp_path), layout="label_studio"))
    return dataset.read_labels(dataset.samples[0])


def result(kind, label="Radius", **value):
    return {
        **{"type": kind, "original_width": 200, "original_height": 100, "from_name": "l", "to_name": "image"},
        "value": {kind: [label], **value},
    }


@pytest.mark.parametrize(
    ("kind", "value", "area"),
    [
        ("rectanglelabels", {"x": 10, "y": 10, "width": 50, "height": 40}, 100 * 40),
        ("ellipselabels", {"x": 50, "y": 50, "radiusX": 20, "radiusY": 30}, np.pi * 40 * 30),
        ("polygonlabels", {"points": [[10, 10], [60, 10], [60, 50], [10, 50]]}, 100 * 40),
    ],
)
def test_shapes_of_label_studio_count_in_percent_of_each_side(tmp_path, kind, value, area):
    mask = studio(tmp_path, result(kind, **value)).masks().mask(INDEX["Radius"])
    assert mask.sum() == pytest.approx(area, rel=0.02)


@pytest.mark.parametrize(
    "value",
    [
        {"x": 10, "y": 10, "width": 50},
        {"x": 10, "y": 10, "width": 50, "height": "40"},
        {"x": 10, "y": 10, "width": 50, "height": 40, "rotation": 12},
        {"points": [[1, 2], [3, 4], [5, 6]]},
    ],
)
def test_a_rectangle_that_is_turned_or_lacks_a_side_is_said(tmp_path, value):
    labels = studio(
        tmp_path, result("rectanglelabels", **value), result("polygonlabels", "Ulna", points=[[1, 1], [9, 1], [9, 9]])
    )
    assert labels.problems[0].message == "an annotation of Radius has neither points nor run lengths"
    assert set(labels.polygons) == {INDEX["Ulna"]}


def test_a_contour_wholly_outside_its_image_is_said(tmp_path):
    labels = studio(tmp_path, result("polygonlabels", points=[[120, 10], [130, 10], [130, 30]]))
    assert not labels.polygons and any(problem.severity == "error" for problem in labels.problems)


def labelme(tmp_path, content):
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 255, (100, 200), np.uint8))
    (tmp_path / "a.json").write_text(json.dumps(content))
    return open_dataset(Data(path=str(tmp_path), layout="labelme"))


@pytest.mark.parametrize("content", [[], {"shapes": {}, "imagePath": "a.png"}, {"shapes": [], "imagePath": 5}])
def test_a_labelme_file_without_its_two_keys_is_said(tmp_path, content):
    try:
        dataset = labelme(tmp_path, content)
        found = [*dataset.problems, *(p for s in dataset.labelled() for p in dataset.read_labels(s).problems)]
        assert any(problem.severity in ("error", "warning") for problem in found) or not dataset.labelled()
    except HandboneError as error:
        assert "not a labelme file" in str(error)


def test_a_labelme_mask_that_cannot_be_decoded_is_said(tmp_path):
    shape = {"label": "Radius", "shape_type": "mask", "points": [[1, 1], [9, 9]], "mask": "bm8gaW1hZ2U="}
    dataset = labelme(tmp_path, {"shapes": [shape], "imagePath": "a.png", "imageHeight": 100, "imageWidth": 200})
    labels = dataset.read_labels(dataset.samples[0])
    assert labels.problems[0].message == "an annotation of Radius has a mask that is no PNG of at most the image's size"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "no radiograph in this folder"),
        (
            lambda folder: (folder / "a.xyz").write_text("\x01"),
            "no radiograph in this folder (ignored: 1 other file (.xyz",
        ),
        (lambda folder: (folder / ".a.png").write_text("x"), "ignored: 1 hidden or system file"),
    ],
)
def test_a_folder_without_a_radiograph_says_what_it_holds(tmp_path, make, words):
    make(tmp_path)
    with pytest.raises(HandboneError) as error:
        find_images([tmp_path])
    assert words in str(error.value) and "give a folder with PNG, JPEG" in str(error.value)


def test_links_are_followed_once_and_broken_ones_named(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 9), np.uint8))
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere.png")
    found = find_images([tmp_path])
    assert [image.key for image in found.images] == ["a.png"]
    assert {str(each).partition(" ")[2].partition(" (")[0] for each in found.passed_over} == {
        *("link to nothing", "link to a folder that was searched already"),
    }


@pytest.mark.parametrize("name", ["missing.png", "missing"])
def test_a_path_that_is_nothing_is_named(tmp_path, name):
    with pytest.raises(HandboneError, match="no such file or folder; check the path"):
        find_images([tmp_path / name])


def test_two_images_of_one_base_name_do_not_fit_into_the_contest_s_table(tmp_path):
    writer, image = ContestWriter(tmp_path), __import__("types").SimpleNamespace
    from handbone.core.bone_masks import BoneMasks

    masks = BoneMasks.from_polygons({}, (9, 9))
    writer.write(image(name="p1/a.png", masks=masks))
    with pytest.raises(HandboneError, match=r"p2/a\.png: p1/a\.png has the same file name, which must be unique"):
        writer.write(image(name="p2/a.png", masks=masks))
    writer.close()
    assert (tmp_path / "predictions.csv").read_text().startswith("image_name,class,rle")
