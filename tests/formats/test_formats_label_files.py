"""Files beside radiographs that hold labels nobody reads are named with what to do; others are left alone."""

import pytest

from handbone.formats.label_files import strangers

COCO = '{"images": [], "annotations": [], "categories": []}'
EXPECTED = "Expecting value: line 1"
UNKNOWN = "holds labels of a tool that handbone does not know, which are not read"

# Name of the file, its content, and what is said of it; nothing of files that hold no labels.
FILES = [
    ("a.json", COCO, "holds COCO labels, which are not read"),
    ("a.json", '{"shapes": [], "imagePath": "a.png"}', "holds labelme labels, which are not read"),
    ("a.json", '{"a.png": {"regions": [{"shape_attributes": {}}]}}', "holds VIA labels, which are not read"),
    ("a.json", '[{"from_name": "l", "to_name": "i"}]', "holds Label Studio labels, which are not read"),
    ("a.json", '{"objects": [{"classTitle": "x"}]}', "holds Supervisely labels, which are not read"),
    ("a.json", '{"annotations": [{"type": "poly_seg"}]}', "holds labels in the contest format, which are not read"),
    ("a.json", '[{"segmentation": [], "bbox": []}]', "holds labels in a COCO tool's result format, which are not read"),
    ("a.json", '{"points": [1, 2]}', UNKNOWN),
    ("A.JSON", '{"Vertices": [1, 2]}', UNKNOWN),
    ("a.geojson", '{"coordinates": [1, 2]}', UNKNOWN),
    ("a.jsonl", '{"polygon": [1]}\n{"polygon": [2]}\n', UNKNOWN),
    ("a.ndjson", '{"polygon": [1]}\n{', UNKNOWN),
    ("a.json", '{"schema": "handbone.export/1", "masks": []}', None),
    ("a.json", '{"name": "points"}', None),
    ("a.json", "[1, 2]", None),
    (
        "a.json",
        '{"shapes": [',
        "not valid JSON (Expecting value: line 1 column 13 (char 12)): labels in it are not read",
    ),
    ("a.json", "", "not valid JSON (Expecting value: line 1 column 1 (char 0)): labels in it are not read"),
    ("a.json", b"\xff\x80{}", "not a text in UTF-8"),
    ("a.xml", "<?xml version='1.0'?><annotations><image/></annotations>", "holds CVAT labels, which are not read"),
    ("a.xml", "<annotation><object/></annotation>", "holds Pascal VOC labels, which are not read"),
    ("a.xml", "<ASAP><Annotation/></ASAP>", UNKNOWN),
    ("a.xml", "<feed><entry/></feed>", None),
    ("a.csv", "image,EncodedPixels\na.png,1 2\n", "holds masks or contours, which this layout does not read"),
    ("a.csv", "image;rle\na.png;1 2\n", "holds masks or contours, which this layout does not read"),
    ("a.tsv", 'image\t"Mask"\na.png\tx\n', "holds masks or contours, which this layout does not read"),
    ("a.csv", "filename,region_shape_attributes\n", "holds masks or contours, which this layout does not read"),
    ("a.csv", "ID,Labeled Data,Label\n", "holds masks or contours, which this layout does not read"),
    ("a.csv", "patient,age\n1,2\n", None),
    ("a.csv", "patient,age\nrle,mask\n", None),
    ("a.csv", "", None),
    ("a.txt", "0 0.5 0.5 0.25 0.25\n1 0.1 0.1 0.2 0.2\n", "holds YOLO labels, which are not read"),
    ("a.txt", "3 .1 .2 .3 .4 .5 .6e-3\n", "holds YOLO labels, which are not read"),
    ("other.txt", "0 0.5 0.5 0.25 0.25\n", None),
    ("a.txt", "1 2 3\n", None),
    ("a.txt", "taken on the 3rd of May\n", None),
    ("other.txt", ' {"points": [1, 2]}', UNKNOWN),
    ("other.txt", '{"name": 1}', None),
    ("a.yaml", "image: a.png\npolygon:\n  - 1\n", UNKNOWN),
    ("a.yml", "- contours: [1]\n", UNKNOWN),
    ("a.yml", "name: points\n", None),
    ("a.nrrd", "x", "may hold labels as a volume, which is not read"),
    ("a.nii.gz", "x", "may hold labels as a volume, which is not read"),
    ("a.mha", "x", "may hold labels as a volume, which is not read"),
    ("a.json.gz", "x", "may hold labels, packed, which are not read"),
    ("a.csv.zip", "x", "may hold labels, packed, which are not read"),
    ("my_annotations_2.zip", "x", "may hold labels, packed, which are not read"),
    ("RoiSet.zip", "x", "may hold labels, packed, which are not read"),
    ("instances_val.tar.gz", "x", "may hold labels, packed, which are not read"),
    ("holiday.zip", "x", None),
    ("a.mat", "x", "may hold labels as values of a program, which are not read"),
    ("a.roi", "x", "may hold labels as values of a program, which are not read"),
    ("a.sqlite3", "x", "may hold labels as values of a program, which are not read"),
    ("notes.md", "points: 3", None),
    ("a.pdf", "x", None),
]


def found(tmp_path, severity="warning", read=()):
    return strangers(tmp_path, read, [tmp_path / "p1" / "a.png"], severity)


@pytest.mark.parametrize(("name", "content", "said"), FILES)
def test_a_file_is_named_by_what_its_labels_are(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = found(tmp_path)
    assert [problem.message for problem in problems] == ([] if said is None else [said])
    for problem in problems:
        assert (problem.rule, problem.file, problem.severity) == ("unread-labels", name, "warning")
        assert problem.remedy, "and what to do"


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("a.json", '{"shapes": [], "imagePath": "a.png"}', "--layout labelme"),
        ("a.json", '[{"from_name": "l", "to_name": "i"}]', "--layout label_studio"),
        ("a.xml", "<annotations/>", "--layout cvat"),
        ("a.nii", "x", "data.layout = 'seg_nrrd' or 'nifti'"),
        ("a.json", COCO, "data.annotations"),
        ("a.csv", "rle", "layout 'csv' with data.annotations"),
    ],
)
def test_the_remedy_names_the_setting_that_reads_it(tmp_path, name, content, remedy):
    (tmp_path / name).write_text(content)
    assert remedy in found(tmp_path)[0].remedy


@pytest.mark.parametrize("place", [".hidden/a.json", ".a.json", "p1/.git/a.json"])
def test_hidden_files_are_nobody_s_labels(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(COCO)
    assert found(tmp_path) == []


def test_files_that_are_read_are_no_strangers_and_folders_are_no_files(tmp_path):
    (tmp_path / "a.json").write_text(COCO)
    (tmp_path / "b.json").mkdir()
    assert found(tmp_path, read=[tmp_path / "a.json"]) == []
    assert len(found(tmp_path)) == 1


def test_all_strangers_are_found_in_the_order_of_their_paths_with_the_severity_that_is_wanted(tmp_path):
    for name in ("z.json", "p1/b.json", "p1/a.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(COCO)
    problems = found(tmp_path, "error")
    assert [problem.file for problem in problems] == ["p1/a.json", "p1/b.json", "z.json"]
    assert {problem.severity for problem in problems} == {"error"}


@pytest.mark.parametrize("place", ["p1/a.txt", "labels/a.txt", "a.txt"])
def test_yolo_labels_are_known_wherever_they_lie_by_the_name_of_their_image(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("0 0.5 0.5 0.25 0.25\n")
    assert [problem.file for problem in found(tmp_path)] == [place]


def test_only_the_beginning_of_a_large_table_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("patient," + "x" * 5000 + ",rle\n")
    assert found(tmp_path) == []
