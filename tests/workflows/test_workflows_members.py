"""Members of an ensemble: what they are called, how their images are joined, and what is joined by."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from page_toys import bone_masks

from handbone.anatomy import COUNT, NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.formats.contest_csv import CONTEST_HW, PredictionsWriter
from handbone.workflows import ensemble, members
from handbone.workflows.members import RunMember, image_sizes, known_size, open_members, refuse_other_readings

SIZE = (150, 120)


def write(path, *names, size=SIZE, bones=29):
    path.parent.mkdir(parents=True, exist_ok=True)
    with PredictionsWriter(path) as table:
        for name in names:
            table.write_cells(name, bone_masks(bones).to_rle(), size_hw=size)
    return path


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["one.csv", "TWO.CSV"], ["one", "TWO"]),
        (["one.csv", "b=one.csv"], ["one", "b"]),
        (["one.csv", "predicted"], ["one", "predicted"]),
        (["a=predicted", "one.csv"], ["a", "one"]),
        # A file whose own name has the sign means itself.
        (["x=y.csv", "one.csv"], ["x=y", "one"]),
        (["v=x=y.csv", "one.csv"], ["v", "one"]),
    ],
)
def test_a_member_is_called_as_told_or_as_its_file(tmp_path, monkeypatch, words, names):
    monkeypatch.chdir(tmp_path)
    for path in ("one.csv", "TWO.CSV", "x=y.csv", "predicted/predictions.csv"):
        write(tmp_path / path, "a.png")
    assert [member.name for member in open_members(words)] == names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["one.csv"], "an ensemble needs more than 1 member; give two or more"),
        ([], "an ensemble needs more than 0 member"),
        (["one.csv", "x/one.csv"], "two members are called 'one'; .* such as one-b=x/one.csv"),
        (["one.csv", "empty"], "empty: there are no predictions; give a run's folder"),
        (["one.csv", "a=nowhere.csv"], "nowhere.csv: there are no predictions"),
    ],
)
def test_members_that_cannot_be_joined_are_refused(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    for path in ("one.csv", "x/one.csv"):
        write(tmp_path / path, "a.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(HandboneError, match=message):
        open_members(words)


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (["a.png", "b.png"], ["a", "b"], ["a.png", "b.png"]),
        (["a", "b"], ["a.png", "b.png"], ["a.png", "b.png"]),
        (["a"], ["b"], None),
        (["p1/a.png"], ["a.png"], ["p1/a.png"]),
        (["hands\\a.png"], ["a"], ["hands\\a.png"]),
        (["a.jpg"], ["a.png"], ["a.jpg"]),
        # Names that repeat without their folders are themselves alone.
        (["p1/a.png", "p2/a.png"], ["p1/a.png", "p2/a.png"], ["p1/a.png", "p2/a.png"]),
        (["p1/a.png", "p2/a.png"], ["a.png"], None),
        (["1.2.840.1"], ["1.2.840.1"], ["1.2.840.1"]),
    ],
)
def test_images_have_one_name_in_all_members(tmp_path, first, second, joined):
    found = open_members([str(write(tmp_path / "one.csv", *first)), str(write(tmp_path / "two.csv", *second))])
    shared = sorted(set(found[0].names) & set(found[1].names))
    assert shared == (joined or [])
    for member, names in zip(found, (first, second), strict=True):
        assert len(member.names) == len(set(names))
        for name in member.names:
            assert member.masks(name, SIZE) == bone_masks(29)


def test_sizes_are_measured_then_told_by_a_member_then_the_contests(tmp_path):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.full((50, 60), 9, np.uint8))
    (tmp_path / "images" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert image_sizes(tmp_path / "images", ["x/a.png", "b.png", "cut.png"]) == {"x/a.png": (50, 60)}
    assert image_sizes(None, ["a.png"]) == {}
    plain, sized = write(tmp_path / "one.csv", "a.png", size=None), write(tmp_path / "two.csv", "a.png")
    both = open_members([str(plain), str(sized)])
    assert known_size("a.png", both, {"a.png": (50, 60)}) == (50, 60)
    assert known_size("a.png", both, {}) == SIZE and known_size("a.png", both[:1], {}) == CONTEST_HW


def test_files_that_say_their_sizes_or_how_they_count_are_not_suspected(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(members, "refuse_if_suspected", lambda path, images: asked.append((path.name, list(images))))
    plain, sized = write(tmp_path / "one.csv", "a.png", size=None), write(tmp_path / "two.csv", "a.png")
    refuse_other_readings(open_members([str(plain), str(sized)]), {"a.png": SIZE})
    assert [(name, [(image[0], image[2]) for image in images]) for name, images in asked] == [
        ("one.csv", [("a.png", SIZE)]),
        ("two.csv", []),
    ]
    asked.clear()
    from handbone.core.rle_reading import RleReading

    told = open_members([str(plain), str(sized)], reading=RleReading(zero_based=True))
    refuse_other_readings(told, {})
    assert asked == [], "a user has said how"


class Run(RunMember):
    """A finished run without its folder."""

    def __init__(self, name, *, validation=(), truth=None, said=None, threshold=0.5, scores=None):
        self.name, self.path, self.names = name, None, list(said or {})
        self._validation, self._truth, self._said, self._scores = validation, truth, said or {}, scores
        self.context = SimpleNamespace(recipe=SimpleNamespace(predict=SimpleNamespace(threshold=threshold)))

    def validation(self):
        return list(self._validation)

    def ground_truth(self, image):
        return self._truth

    def probabilities(self, image, size_hw):
        return self._said[image]

    def bone_scores(self):
        return self._scores


def probabilities(value, bones=range(COUNT)):
    """A square in which each bone has a probability, and a smaller one in which it is sure."""
    weak, sure = np.zeros((8, 8), np.float32), np.zeros((8, 8), bool)
    weak[1:7, 1:7] = value
    sure[2:6, 2:6] = True
    dense = np.stack([np.where(sure, 1.0, weak) if b in bones else np.zeros((8, 8)) for b in range(COUNT)])
    return BoneProbabilities.from_dense(dense.astype(np.float32))


@pytest.mark.parametrize(("true_side", "best"), [(6, 0.4), (4, 0.5)])
def test_fitted_thresholds_are_those_of_the_highest_dice_and_ties_keep_one_half(true_side, best):
    from handbone.core.bone_masks import BoneMasks

    edge = (8 - true_side) // 2
    square = np.ones((true_side, true_side), bool)
    truth = BoneMasks.from_crops({bone: (square, (edge, edge)) for bone in range(COUNT)}, (8, 8))
    runs = [Run(name, validation=["a"], truth=truth, said={"a": probabilities(0.42)}) for name in ("one", "two")]
    found, count = ensemble.fit_thresholds(runs, lambda said: BoneProbabilities.mean(list(said.values())))
    assert count == 1 and found.shape == (COUNT,)
    if best == 0.5:
        assert (found == 0.5).all()
    else:
        assert (found < 0.42).all(), "the larger square is right"


def test_thresholds_are_fitted_on_runs_that_did_not_learn_from_the_image():
    truth, asked = bone_masks(0, (8, 8)), []

    def join(said):
        asked.append(sorted(said))
        return BoneProbabilities.mean(list(said.values()))

    said = {"a": probabilities(0.2), "b": probabilities(0.2), "c": probabilities(0.2)}
    one = Run("one", validation=["a", "b"], truth=truth, said=said)
    two = Run("two", validation=["b"], truth=truth, said=said)
    _, count = ensemble.fit_thresholds([one, two], join)
    # Where not all may speak, the method's settings may name those that may not.
    assert count == 2 and asked == [["one", "two"]]
    with pytest.raises(HandboneError, match="no member has labelled validation images"):
        ensemble.fit_thresholds([Run("one"), Run("two")], join)


def test_runs_that_share_a_threshold_are_joined_at_it():
    low, other = Run("a", threshold=0.35), Run("b", threshold=0.35)
    assert (ensemble.own_thresholds("mean", [low, other]) == 0.35).all()
    assert (ensemble.own_thresholds("vote", [low, other]) == 0.5).all()
    assert (ensemble.own_thresholds("mean", [low, Run("b", threshold=0.4)]) == 0.5).all()
    assert (ensemble.own_thresholds("mean", [low, SimpleNamespace(name="file")]) == 0.5).all()


def test_the_best_run_of_each_bone_is_chosen_on_validation_images():
    scores = np.full(COUNT, 0.9)
    better = np.where(np.arange(COUNT) == 3, 0.95, 0.8)
    name, settings = ensemble.resolve("best", {}, [Run("one", scores=scores), Run("two", scores=better)])
    assert name == "class_wise"
    assert {bone for bone, run in settings["choices"].items() if run == "two"} == {NAMES[3]}
    with pytest.raises(HandboneError, match="there are no validation metrics of file"):
        ensemble.resolve("best", {}, [Run("one", scores=scores), SimpleNamespace(name="file")])
    with pytest.raises(HandboneError, match="'best' has no settings, but got weights"):
        ensemble.resolve("best", {"weights": {}}, [])
    assert ensemble.resolve("vote", {"at_least": 0.4}, []) == ("vote", {"at_least": 0.4})


def test_scores_of_a_run_are_its_last_stage_on_validation_images_that_show_the_bone(tmp_path):
    rows = ["split,stage,bone,dice,both_empty"]
    for split, stage, bone, dice, empty in [
        ("validation", "coarse", "Ulna", 0.1, False),
        ("validation", "merged", "Ulna", 0.8, False),
        ("validation", "merged", "Ulna", 0.6, False),
        ("validation", "merged", "Ulna", 1.0, True),
        ("train", "merged", "Ulna", 1.0, False),
        ("validation", "merged", "Lunate", 1.0, True),
        ("validation", "merged", "Radius", 0.5, False),
    ]:
        rows.append(f"{split},{stage},{bone},{dice},{empty}")
    (tmp_path / "metrics.csv").write_text("\n".join(rows) + "\n")
    run = Run("one")
    run.path = tmp_path
    found = dict(zip(NAMES, RunMember.bone_scores(run), strict=True))
    assert found["Ulna"] == pytest.approx(0.7) and found["Radius"] == 0.5 and np.isnan(found["Lunate"])
    (tmp_path / "metrics.csv").write_text(rows[0] + "\n")
    assert np.isnan(RunMember.bone_scores(run)).all()


@pytest.mark.parametrize(
    ("missing", "names", "found"),
    [
        ("refuse", (["a", "b"], ["b", "a"]), ["a", "b"]),
        ("skip", (["a", "b"], ["b", "c"]), ["b"]),
        ("without", (["a", "b"], ["b", "c"]), ["a", "b", "c"]),
        ("refuse", (["a", "b", "c"], ["b"]), "two lacks 2 of 3 images, such as a"),
        ("skip", (["a"], ["b"]), "no image is in all members"),
        ("without", (["a"], []), "two has no image; check its file, or leave it out"),
    ],
)
def test_images_that_a_member_lacks_are_refused_left_out_or_joined_from_the_others(missing, names, found):
    given = [SimpleNamespace(name=name, names=list(own)) for name, own in zip(("one", "two"), names, strict=True)]
    if isinstance(found, str):
        with pytest.raises(HandboneError, match=found):
            ensemble.common_images(given, missing)
    else:
        assert ensemble.common_images(given, missing) == found


def test_what_names_a_member_cannot_do_without_it():
    for settings in ({"weights": {"a": 1}}, {"choices": {}}, {"otherwise": "a"}):
        with pytest.raises(HandboneError, match="name members that some images may lack"):
            ensemble.check_absent("without", "mean", settings)
        ensemble.check_absent("skip", "mean", settings)
    with pytest.raises(HandboneError, match="settings of 'best'"):
        ensemble.check_absent("without", "best", {})
    ensemble.check_absent("without", "vote", {"at_least": 0.5})
