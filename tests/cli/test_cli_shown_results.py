"""What people read at the end of `predict`, `refine` and `measure`: rows, remarks, and counts.

What is listed in part says how many more there are; names of radiographs are shown as they are.
"""

from types import SimpleNamespace

import pytest

from handbone.cli import measure, predict, predict_show, refine
from handbone.measure import MEASURES, Measurement, Measurements, Scale
from handbone.workflows.measure import MeasuredImage
from handbone.workflows.prediction_join import Summary
from handbone.workflows.records import ImageRecord
from handbone.workflows.refine import Refined

NAME = "[b]a\x1b[31m.png"
SHOWN = r"[b]a\x1b[31m.png"


def predicted(lines, record, folder, invert="auto"):
    summary = SimpleNamespace(
        total=1, outcomes={"outlined": 1, "no_hand": 0}, records=lambda place: iter([record]), failed=[]
    )
    *table, told = lines(predict_show, "show", summary, folder, invert)
    cells = [cell.strip() for cell in next(line for line in table if SHOWN in line).split("│")[1:-1]]
    return cells, table[table.index(next(line for line in table if line.startswith("└"))) + 1 :], told


def record(**more):
    return ImageRecord(NAME, "p", **({"size_hw": (9, 9), "confidence": {"Capitate": 0.5, "Lunate": 0.75}} | more))


def test_a_radiograph_has_a_row_with_everything_in_short(lines, tmp_path):
    place = {"found": True, "degrees": -12.4, "thumb": "left"}
    decisions = [{"used": True}, {"used": False}, {"used": True}]
    seconds = {"read": 0.1, "coarse": 0.25}
    cells, remarks, told = predicted(
        lines, record(location=place, frames={"wrist": {}}, decisions=decisions, seconds=seconds), tmp_path
    )
    assert cells == [SHOWN, "-12°, thumb left", "2", "0.62", "", "2 of 3", "0.35"] and remarks == []
    assert told == f"1 of 1 radiographs outlined: {tmp_path}"


@pytest.mark.parametrize(
    ("location", "inverted", "hand"),
    [
        (None, False, ""),
        (None, True, "inverted"),
        ({"found": False}, False, "in part"),
        ({"found": True, "degrees": 0.2, "thumb": "right"}, True, "+0°, thumb right, inverted"),
    ],
)
def test_how_a_hand_lies_is_told_as_far_as_it_is_known(lines, tmp_path, location, inverted, hand):
    cells, remarks, _ = predicted(lines, record(location=location, inverted=inverted), tmp_path)
    assert cells[1] == hand and cells[5] == "", "without a second stage nothing was refined"
    assert (remarks == []) is not inverted


def test_a_radiograph_without_a_hand_or_a_result_says_so(lines, tmp_path):
    assert predicted(lines, record(confidence={}, location={"found": False}), tmp_path)[0][1:4] == ["no hand", "0", ""]
    cells, remarks, _ = predicted(lines, record(error=f"{NAME}: is cut"), tmp_path)
    assert cells == [SHOWN, "failed", "", "", "", "", ""] and remarks == [f"failed {SHOWN}: is cut"]


def test_remarks_name_flags_formats_and_inversion_and_count_what_is_left(lines, tmp_path):
    flags = [{"rule": "small", "bones": ["Lunate"], "message": f"is {n} px"} for n in range(5)]
    flags[1] = {"rule": "missing", "bones": ["Ulna"], "message": "no Ulna"}
    doubtful = record(flags=flags, inverted=True, unwritten={"coco": f"no {NAME}"})
    cells, remarks, _ = predicted(lines, doubtful, tmp_path)
    assert cells[4] == "5"
    assert remarks == [
        f"inverted {SHOWN}: bones look dark, so it was turned round; if that is wrong, give --invert no",
        f"not written as coco: no {SHOWN}",
        f"check {SHOWN}: Lunate: is 0 px",
        f"check {SHOWN}: no Ulna",
        f"check {SHOWN}: Lunate: is 2 px",
        "and 2 more in predictions.json",
    ]
    remarks = predicted(lines, record(flags=flags[:3], inverted=True), tmp_path, invert="yes")[1]
    assert not any("inverted" in line or "more in" in line for line in remarks), "whoever asked for it knows"


@pytest.mark.parametrize("there", ["page", "folder", "nothing"])
def test_what_to_open_is_the_page_the_folder_or_nothing(lines, tmp_path, there):
    out = tmp_path / "[out]"
    summary = Summary()
    summary.add(record())
    summary.add(ImageRecord("b", "p", size_hw=(9, 9)))
    summary.records = lambda folder: iter(())
    if there != "nothing":
        out.mkdir()
    if there == "page":
        (out / "index.html").write_text("")
    place = {"page": out / "index.html", "folder": out, "nothing": "nothing was written"}[there]
    assert lines(predict_show, "show", summary, out, "auto")[-1] == (
        f"1 of 2 radiographs outlined, 1 without a hand: {place}"
    )


@pytest.mark.parametrize(("total", "table"), [(50, True), (51, False)])
def test_up_to_fifty_radiographs_have_a_row_each(lines, tmp_path, total, table):
    summary = Summary()
    for number in range(total):
        summary.add(ImageRecord(f"{number}.png", "p", error=f"{number}.png: cut"))
    told = lines(predict_show, "show", summary, tmp_path / "none", "auto")
    assert any("Radiograph" in line for line in told) is table
    assert sum(line.startswith("failed ") for line in told) == (50 if table else 11)
    assert ("failed and 41 more: 'error' in predictions.json" in told) is not table


@pytest.mark.parametrize(
    ("names", "tta", "views"),
    [
        (None, False, None),
        (None, True, ["turned"]),
        (["none"], False, []),
        (["brightness"], True, ["brightness", "turned"]),
        (["none", "turned"], False, ["turned"]),
    ],
)
def test_views_that_are_asked_for_replace_those_of_the_weights(names, tta, views):
    assert predict._views(names, tta=tta) == views


def refined(name="a.png", used=(True, False, False), reason="little gain (0.01)", agreement=0.5, **more):
    rows = [
        {"bone": bone, "roi": "wrist", "used": each, "reason": "" if each else reason, "agreement": agreement}
        for bone, each in zip(("Lunate", "Capitate", "Hamate"), used, strict=True)
    ]
    frame = {"fallback": "none", "reason": "", "degrees": 0.0, "mirrored": False}
    return Refined(name, **({"frames": {"wrist": frame}, "decisions": rows, "seconds": {"refine": 2.0}} | more))


def test_a_bone_s_row_counts_what_was_kept_and_says_why_most_often(lines, tmp_path):
    records = [
        refined(used=(True, False, True), agreement=0.5),
        refined("b.png", used=(True, False, False), agreement=0.75, reason="small (3 px)"),
        refined("c.png", used=(False, False, False), agreement=1.0, reason="small (9 px)"),
        Refined("d.png", error="d.png: is cut"),
    ]
    told = lines(refine, "_show", records, tmp_path, "auto")
    rows = {row[0]: row[1:] for line in told if (row := [cell.strip() for cell in line.split("│")[1:-1]])}
    assert rows["Lunate"] == ["2", "1", "0.750", "small"], "the numbers in brackets are of one image"
    assert rows["Capitate"] == ["0", "3", "0.750", "small"] and rows["Hamate"] == ["1", "2", "0.750", "small"]
    assert told[-2:] == ["check d.png: d.png: is cut", f"3 of 4 images refined, 2.00 s each: {tmp_path}"]


def test_of_reasons_that_are_alike_the_first_by_name_is_shown(lines, tmp_path):
    records = [refined(reason="z (1)"), refined("b.png", reason="b (1)")]
    told = lines(refine, "_show", records, tmp_path, "auto")
    assert [line.split("│")[-2].strip() for line in told if "│ Capitate" in line] == ["b"]


def test_where_every_image_failed_nothing_is_divided_by_nothing(lines, tmp_path):
    told = lines(refine, "_show", [Refined(NAME, error="cut")], tmp_path, "auto")
    assert told[-2:] == [f"check {SHOWN}: cut", f"0 of 1 images refined, 0.00 s each: {tmp_path}"]


@pytest.mark.parametrize("count", [10, 13])
def test_fallbacks_and_inversions_are_listed_up_to_ten(lines, tmp_path, count):
    odd = {"fallback": "wider", "reason": "no wrist", "degrees": 0.0, "mirrored": False}
    fine = odd | {"reason": ""}
    records = [
        refined(f"{n}.png", frames={"wrist": odd, "thumb": fine, "other": odd}, inverted=True) for n in range(count)
    ]
    told = lines(refine, "_show", records, tmp_path, "auto")
    checks = [line for line in told if line.startswith("check")]
    assert checks == [f"check {n}.png: wider ROI, no wrist; wider ROI, no wrist" for n in range(10)]
    assert sum(line.startswith("inverted") for line in told) == 10
    assert told.count("and 3 more in refinement.json") == (2 if count > 10 else 0)
    told = lines(refine, "_show", records, tmp_path, "no")
    assert not any(line.startswith("inverted") for line in told)


def measurement(name, target, value, reason="", unit="mm"):
    return Measurement(MEASURES[name], target, value, unit, "user", "good", reason)


def test_a_hand_s_measures_are_a_table_of_what_has_few_values(lines, tmp_path):
    few = next(measure for measure in MEASURES.values() if len(measure.targets) == 1)
    many = next(measure for measure in MEASURES.values() if len(measure.targets) > 4)
    found = (
        measurement(few.name, few.targets[0], None, f"no {NAME}"),
        measurement(many.name, many.targets[0], 12.34),
    )
    images = [
        MeasuredImage(NAME, Measurements("", Scale("user", (0.1, 0.1)), found)),
        MeasuredImage("b.png", error=f"{NAME}: is cut"),
    ]
    told = lines(measure, "_show", images, tmp_path)
    assert told[0] == f"{SHOWN}: unknown hand, scale: user"
    row = next(line for line in told if line.startswith(few.name))
    assert row.split() == [few.name, few.targets[0], "-", "no", SHOWN]
    assert not any(line.startswith(many.name) for line in told), "those are left to the CSV"
    assert told[-2:] == [f"failed {SHOWN}: is cut", f"1 of 2 hands measured: {tmp_path}"]
