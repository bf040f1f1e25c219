"""Images by the names that tables give them: one image or none, never a wrong one."""

import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbone.formats.image_files import split_frame, stem_of
from handbone.formats.image_names import ImageNames
from handbone.formats.label_frames import label_frame, whole_size
from handbone.formats.patients import MOST_IMAGES, patients_of

FOLDERS = st.lists(st.sampled_from(["p1", "p2", "Zoë", "a b"]), max_size=3)
STEMS = st.sampled_from(["wrist", "hand", "é", "wrist.png", "1.2.840"])
PATHS = st.builds(
    lambda folders, stem, end: "/".join([*folders, stem + end]), FOLDERS, STEMS, st.sampled_from([".png", ".jpg"])
)


def ending_alike(path, name):
    """Whether a path ends in the parts of a name."""
    parts, wanted = PurePosixPath(path).parts, PurePosixPath(name).parts
    return parts[-len(wanted) :] == wanted


@given(st.sets(PATHS, min_size=1, max_size=6), st.data())
def test_a_whole_path_finds_its_image_in_any_spelling(paths, data):
    images = ImageNames(sorted(paths))
    path = data.draw(st.sampled_from(sorted(paths)))
    assert images.find(path) == path
    assert images.find(path.replace("/", "\\")) == path
    assert images.find(unicodedata.normalize("NFD", path)) == path


@given(st.sets(PATHS, min_size=1, max_size=6), PATHS)
def test_what_is_found_is_the_only_one_that_the_name_can_mean(paths, name):
    found = ImageNames(sorted(paths)).find(name)
    whole = [path for path in paths if ending_alike(path, name)]
    stem = stem_of(PurePosixPath(name).name)
    stems = {path: stem_of(PurePosixPath(path).name) for path in paths}
    # A name without an extension may end in what looks like one.
    alike = [path for path in paths if stems[path] == stem] or [
        p for p in paths if stems[p] == PurePosixPath(name).name
    ]
    if found is None:
        # Only where several might be meant, or none has the name.
        assert len(whole) != 1 or len(alike) > 1
        assert len(alike) != 1, "the only image of that name is meant whatever its folder"
    else:
        assert found in alike and (found in whole or not whole)
        same_base = [path for path in alike if PurePosixPath(path).name == PurePosixPath(name).name]
        assert len(same_base) <= 1 or found in same_base


@pytest.mark.parametrize(
    ("images", "name", "found"),
    [
        (["p1/a.png", "p2/a.png"], "a.png", None),
        (["p1/a.png", "p2/a.png"], "a", None),
        (["p1/a.png", "p2/a.png"], "p2/a", "p2/a.png"),
        (["p1/a.png", "p2/a.png"], "data/p1/a.png", "p1/a.png"),
        (["p1/a.png", "p2/a.png"], "p3/a.png", None),
        (["p1/a.png"], "p3/a.png", "p1/a.png"),
        (["a.png", "a.jpg"], "a.jpg", "a.jpg"),
        (["a.png", "a.jpg"], "a", None),
        (["a.png", "a.jpg"], "a.bmp", None),
        (["a.png", "p/a.png"], "a.png", "a.png"),
        (["x/p/a.png", "p/a.png"], "p/a.png", "p/a.png"),
        (["scan.tif#1", "scan.tif#2"], "scan.tif#2", "scan.tif#2"),
        (["scan.tif#1", "scan.tif#2"], "scan", None),
        (["1.2.840", "1.2.841"], "1.2.841", "1.2.841"),
        (["a.png"], "b.png", None),
        (["a.png"], "", None),
        # In another case only where no other image has the name.
        (["A.png"], "a.png", "A.png"),
        (["A.png", "a.png"], "a.png", "a.png"),
    ],
)
def test_names_as_people_write_them(images, name, found):
    assert ImageNames(images).find(name) == found
    paths = [Path(image) for image in images]
    assert ImageNames(paths).find(name) == (None if found is None else Path(found))


@pytest.mark.parametrize(
    ("name", "there", "file", "frame"),
    [
        ("a.tif#2", ["a.tif"], "a.tif", 2),
        ("a.tif#2", ["a.tif#2"], "a.tif#2", 1),
        ("a.tif#999999", ["a.tif"], "a.tif", 999999),
        ("a.tif#0", ["a.tif"], "a.tif#0", 1),
        ("a.tif#01", ["a.tif"], "a.tif#01", 1),
        ("a.tif#1000000", ["a.tif"], "a.tif#1000000", 1),
        ("#3", [], "#3", 1),
        ("a#b.png", ["a#b.png"], "a#b.png", 1),
        ("a\nb.tif#2", ["a\nb.tif"], "a\nb.tif", 2),
    ],
)
def test_a_number_behind_a_name_is_an_image_of_the_file_unless_the_file_is_called_so(
    tmp_path, name, there, file, frame
):
    for each in there:
        (tmp_path / each).touch()
    assert split_frame(tmp_path / name) == (tmp_path / file, frame)


@pytest.mark.parametrize(
    ("folders", "patients"),
    [
        # A folder of few images is a patient, whatever the images are called.
        ({"anna/images/l.png": 1, "ben/images/r.png": 1}, ["anna", "ben"]),
        ({"train/anna/l.png": 1, "train/ben/r.png": 1}, ["train/anna", "train/ben"]),
        ({"all/x.png": 1, "all/y.png": 1}, ["all/x", "all/y"]),
        ({"clinic/x.png": 1, "clinic/y.png": 1}, ["clinic/x", "clinic/y"]),
        ({"x_L.png": 1, "x_R.png": 1}, ["x", "x"]),
        ({"512px/x.png": 1, "512px/y.png": 1, "z.png": 1}, ["512px/x", "512px/y", "z"]),
    ],
)
def test_a_patient_is_a_folder_of_few_images_or_the_image_s_own_name(tmp_path, folders, patients):
    images = [tmp_path / name for name in folders]
    found = patients_of(tmp_path, images)
    assert [patient for _, patient in (found[image] for image in images)] == patients


@pytest.mark.parametrize("count", [MOST_IMAGES, MOST_IMAGES + 1])
def test_a_folder_of_more_than_ten_images_is_a_collection(tmp_path, count):
    images = [tmp_path / "ward" / f"{n:02}.png" for n in range(count)] + [tmp_path / "other" / "x.png"]
    found = {patient for _, patient in patients_of(tmp_path, images).values()}
    assert len(found) == (2 if count == MOST_IMAGES else count + 1)


IMAGE, DECLARED = (200, 100), (400, 200)


def box(right, bottom):
    return np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])


@pytest.mark.parametrize(
    ("declared", "contours", "scale", "words"),
    [
        (None, [box(500, 500)], (1.0, 1.0), ""),
        (IMAGE, [box(500, 500)], (1.0, 1.0), ""),
        (DECLARED, [box(190, 390)], (0.5, 0.5), "leave the image: they are scaled by 0.5"),
        (DECLARED, [box(90, 190)], None, "would fit either"),
        (DECLARED, [box(500, 900)], None, "would fit either"),
        ((100, 50), [box(90, 190)], (1.0, 1.0), "the contours fit the image"),
        ((100, 50), [box(40, 90)], None, "would fit either"),
        ((100, 200), [box(190, 90)], None, "turned by 90 degrees"),
        ((400, 100), [box(90, 390)], None, "which has another shape"),
        ((403, 200), [box(190, 390)], (0.5, 200 / 403), "they are scaled by 0.5"),
        ((405, 200), [box(190, 390)], None, "which has another shape"),
        (DECLARED, [], None, "would fit either"),
        # A contour may leave an image by a pixel and a hundredth of its side.
        (DECLARED, [box(102, 100)], None, "would fit either"),
        (DECLARED, [box(103, 100)], (0.5, 0.5), "leave the image"),
        (DECLARED, [-box(3, 1)], None, "would fit either"),
    ],
)
def test_labels_of_another_size_go_where_their_contours_fit(declared, contours, scale, words):
    frame = label_frame(declared, IMAGE, contours)
    assert frame.scale_xy == (scale if scale is None else pytest.approx(scale)) and words in frame.reason
    assert bool(frame.reason) is bool(words)


@pytest.mark.parametrize("count", [0, 3, 4, 9])
def test_a_size_that_is_seldom_right_counts_only_against_several_contours(count):
    contours = [box(190, 390)] * count + [box(50, 50)] * 5
    frame = label_frame(DECLARED, IMAGE, contours, believed=False)
    assert frame.scale_xy == ((0.5, 0.5) if count >= 4 else (1.0, 1.0))


@pytest.mark.parametrize("value", [0, -1, 1.0, "5", None, True, 1 << 20, [5]])
def test_only_two_whole_numbers_are_a_size(value):
    assert whole_size(value, 5) is whole_size(5, value) is None
    assert whole_size(5, (1 << 20) - 1) == (5, (1 << 20) - 1)
