"""What is said of each hand of an image, under which names it is kept, and when it need not be outlined again."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_toys import SIZE_HW, bone_masks

from handbone.anatomy import INDEX
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph, Remark
from handbone.formats.image_search import InputImage
from handbone.method.hands import HandEvidence
from handbone.method.outcome import MethodResult
from handbone.method.quality_control import Flag
from handbone.method.several_hands import OneHand
from handbone.workflows import outline_task, outlining
from handbone.workflows.one_by_one import Made
from handbone.workflows.outline_task import OutlineTask, Stemmed
from handbone.workflows.outlining import Outlined, names_of_hands, outline, records_of
from handbone.workflows.stored_results import StoredResults, record_file
from handbone.workflows.tasks import here


class Method:
    """A method with a threshold and nothing else; `seen` by whoever stands in for its networks."""

    threshold = 0.5


def evidence(found=True, side=""):
    return HandEvidence(found, 0.9, 20.0, 25, (), side)


def one_hand(hand=None, *, bones=29, others=0, area=Box(0, 0, 60, 150)):
    masks = BoneProbabilities.from_masks(bone_masks(bones))
    return OneHand(MethodResult(masks, masks, hand=evidence() if hand is None else hand), area, others)


def radiograph(**facts):
    return Radiograph(np.full(SIZE_HW, 0.25, np.float32), facts.pop("inverted", False), 8, **facts)


@pytest.fixture
def shown(monkeypatch):
    """What images show, by their grey value; `asked`: what was asked for, and how."""

    def predict_hands(method, image, *, every):
        shown.asked.append((round(float(image[0, 0]), 2), every, image.flags["C_CONTIGUOUS"]))
        return shown.hands[round(float(image[0, 0]), 2)]

    class Shown:
        hands, asked = {}, []

    shown = Shown()
    shown.asked = []
    monkeypatch.setattr(outlining, "predict_hands", predict_hands)
    monkeypatch.setattr(outlining, "flags", lambda outcome, masks: [Flag("unsure", ("Lunate", "Ulna"), "is unsure")])
    return shown


NOTHING = [one_hand(evidence(found=False), bones=0)]


@pytest.mark.parametrize(
    ("as_read", "turned", "invert", "asked", "inverted"),
    [
        ([one_hand()], NOTHING, "auto", [0.25], False),
        (NOTHING, [one_hand()], "auto", [0.25, 0.75], True),
        # Neither shows one: it is as it was read.
        (NOTHING, NOTHING, "auto", [0.25, 0.75], False),
        # A person has said how it is to be read.
        (NOTHING, [one_hand()], "no", [0.25], False),
        (NOTHING, [one_hand()], "yes", [0.25], False),
    ],
)
def test_the_other_polarity_is_looked_at_where_the_first_shows_no_hand(shown, as_read, turned, invert, asked, inverted):
    shown.hands = {0.25: as_read, 0.75: turned}
    [found] = outline(Method(), radiograph(), invert=invert)
    assert [value for value, _, _ in shown.asked] == asked and all(contiguous for *_, contiguous in shown.asked)
    assert found.radiograph.inverted is inverted
    assert found.is_hand is (inverted or (len(asked) == 1 and invert == "auto"))


def test_a_file_that_was_turned_round_is_turned_back(shown):
    shown.hands = {0.25: NOTHING, 0.75: [one_hand()]}
    [found] = outline(Method(), radiograph(inverted=True))
    assert found.radiograph.inverted is False and found.radiograph.image[0, 0] == 0.75


@pytest.mark.parametrize(
    ("others", "hands", "message"),
    [
        (0, "one", None),
        (1, "one", "the image shows another hand;"),
        (2, "one", "the image shows 2 more hands;"),
        (2, "all", None),
    ],
)
def test_other_hands_are_said_where_they_are_not_outlined(shown, others, hands, message):
    shown.hands = {0.25: [one_hand(others=others)]}
    [found] = outline(Method(), radiograph(), hands=hands)
    told = [flag.message for flag in found.flags if flag.rule == "second-hand"]
    assert told == ([] if message is None else [f"{message} --hands all outlines each"])
    assert shown.asked[0][1] is (hands == "all")


@pytest.mark.parametrize(
    ("seen", "said", "others", "flagged"),
    [
        ("L", "R", 0, True),
        ("R", "L", 0, True),
        ("L", "L", 0, False),
        ("", "R", 0, False),
        ("L", "", 0, False),
        # Another hand of the image may be the one that the header means.
        ("L", "R", 1, False),
    ],
)
def test_a_side_is_doubted_where_header_and_bones_disagree(shown, seen, said, others, flagged):
    shown.hands = {0.25: [one_hand(evidence(side=seen), others=others)]}
    [found] = outline(Method(), radiograph(laterality=said))
    told = [flag.message for flag in found.flags if flag.rule == "laterality"]
    names = {"R": "right", "L": "left", "": "unknown"}
    assert told == [f"the header says the {names[said]} hand, and the bones lie as in a {names[seen]} one"] * flagged


def test_flags_of_the_header_come_first_and_name_the_doubtful_bones(shown):
    shown.hands = {0.25: [one_hand(others=1)]}
    [found] = outline(Method(), radiograph(remarks=(Remark("body-part", "the header says CHEST"),)))
    assert [flag.rule for flag in found.flags] == ["body-part", "second-hand", "unsure"]
    assert found.doubtful == sorted([INDEX["Lunate"], INDEX["Ulna"]])


def test_results_of_one_hand_have_the_images_name_and_those_of_several_a_number():
    assert names_of_hands("a.png", 1) == ["a.png"]
    assert names_of_hands("a.png", 3) == ["a.png#1", "a.png#2", "a.png#3"]


@pytest.mark.parametrize(
    ("hands", "counted", "regions"),
    [
        ([one_hand()], [1], [None]),
        ([one_hand(others=2)], [3], [(0, 0, 60, 150)]),
        (
            [one_hand(others=1), one_hand(others=1, area=Box(60, 0, 120, 150))],
            [2, 2],
            [(0, 0, 60, 150), (60, 0, 120, 150)],
        ),
        (NOTHING, [0], [None]),
    ],
)
def test_a_record_counts_the_hands_and_says_which_part_holds_its_own(shown, hands, counted, regions):
    shown.hands = {0.25: hands, 0.75: NOTHING}
    found = outline(Method(), radiograph(spacing_mm=(0.2, 0.1), orientation=6), hands="all")
    records = records_of("p1/a.png", Path("in/a.png"), found)
    assert [record.hands for record in records] == counted and [record.region for record in records] == regions
    assert [record.name for record in records] == names_of_hands("p1/a.png", len(hands))
    assert {(record.path, record.size_hw, record.spacing_mm, record.orientation) for record in records} == {
        ("in/a.png", SIZE_HW, (0.2, 0.1), 6)
    }
    assert records_of("a", None, found)[0].path == "", "of an array in memory"


def test_confidence_is_the_masks_own_and_none_without_a_hand(shown):
    shown.hands = {0.25: [one_hand(bones=3)], 0.75: NOTHING}
    [record] = records_of("a", None, outline(Method(), radiograph()))
    assert len(record.confidence) == 3 and record.outcome == "outlined"
    assert {round(value, 4) for value in record.confidence.values()} == {0.9}, "1 in each mask, .9 that there is a hand"
    shown.hands[0.25] = NOTHING
    [record] = records_of("a", None, outline(Method(), radiograph()))
    assert record.outcome == "no_hand" and record.hand["found"] is False


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full(SIZE_HW, 60, np.uint8))
    return Stemmed(InputImage("p1/a.png", path), "p1/a")


@pytest.fixture
def made(monkeypatch):
    """Images show as many hands as they are told; `count` of the last ones, and how often any was outlined."""

    def fake(method, read, *, invert, hands):
        fake.calls.append((invert, hands))
        return [Outlined(read, one_hand(others=fake.count - 1), bone_masks(29), []) for _ in range(fake.count)]

    fake.calls, fake.count = [], 1
    monkeypatch.setattr(outline_task, "outline", fake)
    return fake


def task(tmp_path, hands="all", **more):
    return OutlineTask(Method, tmp_path / "out", "f", hands=hands, **more)


def outcome(work, image):
    [found] = here(work, [image])
    return found


@pytest.mark.parametrize("count", [1, 3])
def test_kept_hands_are_known_again_only_all_together(tmp_path, image, made, count):
    made.count = count
    first = outcome(task(tmp_path), image)
    assert list(first.results) == names_of_hands("p1/a.png", count) and not first.known
    assert outcome(task(tmp_path), image) == replace(first, known=True) and len(made.calls) == 1
    (tmp_path / "out" / record_file(first.results[-1])).unlink()
    assert outcome(task(tmp_path), image) == first and len(made.calls) == 2


def test_several_kept_hands_are_not_the_one_that_is_asked_for(tmp_path, image, made):
    made.count = 2
    outcome(task(tmp_path), image)
    made.count = 1
    again = outcome(task(tmp_path, "one"), image)
    assert again.results == ("p1/a.png",) and not again.known


def test_each_hand_has_its_own_overlay_and_page_image(tmp_path, image, made):
    made.count = 2
    outcome(task(tmp_path, page=True), image)
    files = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert files == [
        *("overlays/p1/a#1.png", "overlays/p1/a#2.png", "page/p1/a#1.jpg", "page/p1/a#2.jpg"),
        *("records/p1/a.png#1.json", "records/p1/a.png#2.json"),
    ]
    kept = StoredResults(tmp_path / "out", "f").read("p1/a.png#2")
    assert kept["rle"] == bone_masks(29).to_rle() and kept["record"]["hands"] == 2


def test_an_image_that_is_too_large_fails_before_it_is_decoded(tmp_path, image, made, monkeypatch):
    monkeypatch.setattr(outline_task, "read_image", lambda *_, **__: pytest.fail("it was decoded"))
    found = outcome(task(tmp_path, max_pixels=SIZE_HW[0] * SIZE_HW[1] - 1), image)
    assert found.unread and "a.png" in found.error and made.calls == []


def test_a_person_s_word_on_polarity_reaches_the_method(tmp_path, image, made):
    outcome(task(tmp_path, "one", invert="yes"), image)
    assert made.calls == [("yes", "one")]


def test_a_page_is_made_from_its_file_as_a_whole_and_is_not_the_other_page(tmp_path):
    pages, contents = tmp_path / "pages.tif", np.full((2, *SIZE_HW), 60, np.uint8)
    contents[0, 30:60], contents[1, 60:90] = 200, 200
    cv2.imwritemulti(str(pages), list(contents))
    opened = OutlineTask(Method, tmp_path / "out", "f").open()
    jobs = [opened.job(Stemmed(InputImage(f"pages.tif#{n}", Path(f"{pages}#{n}")), f"pages#{n}")) for n in (1, 2)]
    assert jobs[0].key() == jobs[1].key() and [job.name for job in jobs] == ["pages.tif#1", "pages.tif#2"]
    shown = [job.load().image for job in jobs]
    assert shown[0][45, 5] > shown[0][75, 5] and shown[1][45, 5] < shown[1][75, 5]
    with pytest.raises(HandboneError):
        opened.job(Stemmed(InputImage("pages.tif#3", Path(f"{pages}#3")), "pages#3")).load()


def test_tasks_of_one_fingerprint_are_one_whoever_loads_the_networks(tmp_path):
    """A process keeps the networks of a task that it knows."""
    one, same = OutlineTask(Method, tmp_path, "f"), OutlineTask(lambda: None, tmp_path, "f")
    assert one == same and hash(one) == hash(same)
    others = [OutlineTask(Method, tmp_path, "g"), replace(one, hands="all"), replace(one, invert="yes")]
    assert len({one, *others}) == 4
    assert one.lost(Stemmed(InputImage("a", Path("in/a")), "a"), "it died").error == "in/a: it died"


def test_made_results_are_drawn_where_they_are_kept(tmp_path, image, made):
    opened = task(tmp_path).open()
    [result] = opened.job(image).make(radiograph())
    assert isinstance(result, Made) and (result.name, result.stem) == ("p1/a.png", "p1/a")
    result.draw(tmp_path / "drawn.png")
    assert cv2.imread(str(tmp_path / "drawn.png")) is not None
