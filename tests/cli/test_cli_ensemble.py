"""`handbone ensemble` on foreign files: any order of rows, missing images, other sizes, mistakes."""

import csv
import json

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from handbone.anatomy import NAMES
from handbone.cli import ensemble
from handbone.core.bone_masks import BoneMasks
from handbone.core.written import Written
from handbone.formats.contest_csv import PredictionsWriter, read_predictions
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.method.ensembling.methods import vote
from handbone.plugins import EnsemblerSpec, PluginManager, hookimpl
from handbone.synthetic import draw_hand
from handbone.workflows import ensemble as pipeline

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command()(ensemble.command)
IMAGES = ("a.png", "b.png", "c, d.png")


def masks(seed, size=2048):
    rng, polygons = np.random.default_rng(seed), {}
    for bone in range(29):
        if rng.random() < 0.9:  # the others are empty cells
            x, y = rng.uniform(0.2, 0.8, 2) * size
            axes = tuple(int(v) for v in rng.uniform(0.02, 0.06, 2) * size)
            polygons[bone] = [
                cv2.ellipse2Poly((int(x), int(y)), axes, int(rng.uniform(0, 180)), 0, 360, 6).astype(float)
            ]
    return BoneMasks.from_polygons(polygons, (size, size))


def write(path, seed, images=IMAGES, size=2048):
    with PredictionsWriter(path) as table:
        for number, image in enumerate(images):
            table.write(image, masks(100 * number + seed % 2, size))
    return path


def shuffled(path):
    """The same file with columns, classes and images in another order, and a column more."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    rows = sorted(rows, key=lambda row: (row["image_name"], row["class"]), reverse=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["rle", "note", "class", "image_name"])
        writer.writerows([row["rle"], "x", row["class"], row["image_name"]] for row in rows)
    return path


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def files(tmp_path):
    return [write(tmp_path / "one.csv", 0), shuffled(write(tmp_path / "two.csv", 1)), write(tmp_path / "three.csv", 0)]


def test_files_join_by_names_whatever_their_order(files, tmp_path):
    out = tmp_path / "out"
    result = call(*files, "-o", out, "--method", "vote", "--set", "at_least=0.6")
    assert result.exit_code == 0, result.output
    for number, (name, rles) in enumerate(read_predictions(out / "predictions.csv")):
        first, second = masks(100 * number), masks(100 * number + 1)
        got = BoneMasks.from_rle(rles, (2048, 2048))
        assert name == sorted(IMAGES)[number]
        for bone in range(29):
            votes = 2 * first.mask(bone).astype(int) + second.mask(bone)
            assert np.array_equal(got.mask(bone), votes >= 2)
    record = json.loads((out / "ensemble.json").read_text())
    assert record["members"] == {"one": 3, "two": 3, "three": 3} and record["method"] == "vote"


def test_an_index_reads_what_the_stream_reads(files):
    for path in files:
        index = PredictionsIndex(path)
        streamed = dict(read_predictions(path))
        assert index.names == list(streamed)
        assert {name: index.cells(name) for name in reversed(index.names)} == streamed


def test_members_that_lack_images_are_refused_unless_told_how(files, tmp_path):
    fewer = write(tmp_path / "fewer.csv", 1, IMAGES[:2])
    out = tmp_path / "out"
    assert "fewer lacks 1 of 3 images, such as c, d.png" in str(call(files[0], fewer, "-o", out).exception)
    assert not out.exists()
    for missing, count in (("skip", 2), ("without", 3)):
        assert call(files[0], fewer, "-o", out, "--missing", missing, "--overwrite").exit_code == 0
        assert len(list(read_predictions(out / "predictions.csv"))) == count


def test_images_of_another_size_are_measured(tmp_path):
    one, two = (write(tmp_path / f"{n}.csv", n, ("a.png",), size=300) for n in (0, 1))
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((300, 300), np.uint8))
    assert call(one, two, "-o", tmp_path / "out", "--images", tmp_path / "images", "-m", "vote").exit_code == 0
    [(_, rles)] = read_predictions(tmp_path / "out" / "predictions.csv")
    expected = masks(0, 300).mask(3) | masks(1, 300).mask(3)
    assert np.array_equal(BoneMasks.from_rle(rles, (300, 300)).mask(3), expected)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--method", "mode"], "choose one of: best, class_wise, mean, vote"),
        (["--method", "besst"], "did you mean 'best'"),
        (["--method", "best", "--set", "weights.one=2"], "'best' has no settings, but got weights"),
        (["--method", "best"], "no validation metrics"),
        (["--set", "weights.four=2"], "four"),
        (["--method", "vote", "--set", "at_leest=1"], "did you mean 'at_least'"),
        (["--missing", "without", "--set", "weights.one=2"], "some images may lack"),
        (["--fit-thresholds"], "no member has labelled validation images"),
    ],
)
def test_mistakes_are_answered_before_anything_is_written(files, tmp_path, more, words):
    result = call(*files, "-o", tmp_path / "out", *more)
    assert result.exit_code == 1 and words in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_table_that_handbone_wrote_is_believed_although_its_hands_lie_on_their_side(tmp_path):
    upright, folders = draw_hand(3, size=128).masks.polygons(), [tmp_path / "one", tmp_path / "two"]
    lying = {bone: [points[:, ::-1] * 16.0 for points in contours] for bone, contours in upright.items()}
    for folder in folders:
        folder.mkdir()
        with PredictionsWriter(folder / "predictions.csv") as table:
            table.write("a.png", BoneMasks.from_polygons(lying, (2048, 2048)))
    words = [*folders, "-o", tmp_path / "out"]
    refused = call(*words)
    assert refused.exit_code == 1 and "--rle column-major" in str(refused.exception)
    for folder in folders:
        Written.of("joined predictions", folder, [folder / "predictions.csv"]).write(folder)
    assert call(*words).exit_code == 0


def test_bad_members_are_named(files, tmp_path):
    assert "an ensemble needs more than 1 member" in str(call(files[0], "-o", tmp_path / "x").exception)
    assert "there are no predictions" in str(call(files[0], tmp_path / "nowhere", "-o", tmp_path / "x").exception)
    again = tmp_path / "more" / "one.csv"
    again.parent.mkdir()
    again.write_bytes(files[0].read_bytes())
    assert "two members are called 'one'" in str(call(files[0], again, "-o", tmp_path / "x").exception)
    assert call(files[0], f"other={again}", "-o", tmp_path / "x").exit_code == 0
    text = files[1].read_text().replace("Lunate", "Lunatic", 1)
    files[1].write_text(text)
    result = call(*files, "-o", tmp_path / "y")
    assert result.exit_code == 1 and "unknown class 'Lunatic'" in result.output and NAMES


@pytest.mark.parametrize(
    ("cell", "words", "elsewhere"),
    [
        (
            "nil",
            "'nil' in the run lengths is not a whole number of pixels; leave the text empty for an empty mask",
            True,
        ),
        ("1 2 3", "have 3 numbers, but must be pairs", True),
        ("4194304 2", "extends beyond the image of 2048 x 2048 pixels", True),
        ("Lunatic", "unknown class 'Lunatic'; did you mean 'Lunate'?", False),
    ],
)
def test_a_bad_cell_costs_its_image_alone_and_is_named_with_its_place(tmp_path, cell, words, elsewhere):
    good = write(tmp_path / "good.csv", 0)
    rows = list(csv.reader(good.read_text().splitlines()))
    at = next(number for number, row in enumerate(rows) if row[:2] == ["b.png", "Lunate"])
    changed = {"Lunatic": [["b.png", "Lunatic", ""]]}.get(cell, [["b.png", "Lunate", cell]])
    with open(tmp_path / "bad.csv", "w", newline="") as file:
        csv.writer(file).writerows([*rows[:at], *changed, *rows[at + 1 :]])
    for method in ("vote", "class_wise"):
        out = tmp_path / method
        result = call(good, tmp_path / "bad.csv", "-m", method, "-o", out, "--json")
        assert result.exit_code == 1
        [(name, told)] = json.loads((out / "ensemble.json").read_text())["failed"].items()
        assert name == "b.png"
        assert (words in told and "b.png" in told) or f"bad.csv, line {at + 1}: {words}" in told
        assert ("--images" in told) == elsewhere
        assert dict(read_predictions(out / "predictions.csv")).keys() == {"a.png", "c, d.png"}


def test_a_member_without_a_bone_has_no_say_in_it(files, tmp_path):
    for path in files[1:]:
        rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join(row for row in rows if "Lunate" not in row and "Ulna" not in row))
    rows = files[0].read_text().splitlines(keepends=True)
    files[0].write_text("".join(row for row in rows if "Ulna" not in row))
    first = dict(read_predictions(files[0]))
    for method in ("vote", "mean"):
        out = tmp_path / method
        assert call(*files, "-o", out, "-m", method).exit_code == 0
        for name, cells in read_predictions(out / "predictions.csv"):
            assert cells[NAMES.index("Lunate")] == first[name][NAMES.index("Lunate")]
            assert cells[NAMES.index("Ulna")] is None


class Anyones:
    """Somebody's package with a vote of its own: bone is what all members see."""

    @hookimpl
    def handbone_ensemblers(self):
        def build(settings):
            return lambda members: vote(members, 1.0)

        return [EnsemblerSpec(name="vote", summary="Everyone agrees", build=build)]


def test_a_plugins_method_of_a_built_in_name(files, tmp_path, monkeypatch):
    manager = PluginManager(entry_points=False)
    manager.register(Anyones(), package="handbone-anyones", version="0.1")
    monkeypatch.setattr(pipeline, "registry", lambda: manager)
    out = tmp_path / "out"
    told = str(call(*files, "-o", out, "-m", "vote").exception)
    assert "provided by handbone and handbone-anyones; choose one with --set from=handbone" in told
    for package, least in (("handbone-anyones", 3), ("handbone", 2)):
        result = call(*files, "-o", out, "--overwrite", "-m", "vote", "--set", f"from={package}")
        assert result.exit_code == 0, result.output
        (_, rles), *_ = read_predictions(out / "predictions.csv")
        votes = 2 * masks(0).mask(4).astype(int) + masks(1).mask(4)
        assert np.array_equal(BoneMasks.from_rle(rles, (2048, 2048)).mask(4), votes >= least)
    assert json.loads((out / "ensemble.json").read_text())["plugins"]["handbone-anyones"]["version"] == "0.1"
