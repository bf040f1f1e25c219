"""What is said of an adaptation: on its page, for programs, and in the card of the weights, which names no patient."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.weights.card import FileFacts, SetCard
from handbone.workflows.adapt import description
from handbone.workflows.adapt import page as page_module
from handbone.workflows.adapt.adaptation import Adaptation
from handbone.workflows.adapt.changes import Changes, RadiographChange, compare
from handbone.workflows.adapt.description import AdaptOrigin, describe, origin_of
from handbone.workflows.adapt.judging import Outlined
from handbone.workflows.adapt.page import _percent, write_page
from handbone.workflows.adapt.run import facts_of
from handbone.workflows.adapt.settings import AdaptSettings

SIZE = (64, 48)
LUNATE, ULNA = INDEX["Lunate"], INDEX["Ulna"]


def lunate(height):
    """Masks of one bone."""
    return BoneMasks.from_crops({LUNATE: (np.ones((height, 9), bool), (0, 0))}, SIZE)


def outcome(**facts):
    """An adaptation of 7 radiographs, of which one could not be read."""
    pairs = [
        (Outlined(lunate(9), (("apart", ("Lunate",)),)), Outlined(lunate(3))),
        (Outlined(None, error="doe_1.png: is cut"), Outlined(None, error="doe_1.png: is cut")),
    ]
    changes = compare(["doe_0.png", "doe_1.png"], pairs)
    used = {"outlined": 14, "used": 9, "bones_used": 0.87654, "left_out": {"absent": 3}}
    given = {"weights": None, "page": "adapt.html", "refused": (), "radiographs": 7, "steps": 300}
    given |= {"dice": (0.9512, 0.953), "changes": changes, "pseudo_masks": used, "unread": ("doe_1.png: is cut",)}
    return Adaptation(**(given | facts))


def test_an_adaptation_as_json_has_null_for_what_cannot_be_told(tmp_path):
    told = json.loads(json.dumps(outcome(weights=tmp_path / "new").to_json(), allow_nan=False))
    assert told["weights"] == str(tmp_path / "new") and outcome().to_json()["weights"] is None
    assert told["synthetic_dice"] == {"before": 0.9512, "after": 0.953}
    assert told["flags"] == {"before": 1, "after": 0} and [bone["bone"] for bone in told["bones"]] == list(NAMES)
    changed, ulna = told["bones"][LUNATE], told["bones"][ULNA]
    assert changed["changed"] == pytest.approx(2 / 3, abs=1e-4) and changed["area_ratio"] == pytest.approx(
        1 / 3, abs=1e-4
    )
    assert ulna["changed"] is None and ulna["area_ratio"] is None
    assert [one["error"] for one in told["judged"]] == [None, "doe_1.png: is cut"]


BASE = SetCard(
    name="small",
    licence="CC-BY-4.0",
    data="Synthetic hands.",
    limits=("Reads 64 pixels.",),
    recipe="name = 'x'",
    files={"coarse.safetensors": FileFacts(sha256="0" * 64, bytes=1)},
)


def test_the_card_of_adapted_weights_says_where_they_come_from_and_nothing_of_any_patient():
    said = describe(AdaptOrigin("ab12", BASE), outcome(), AdaptSettings(seed=5))
    facts = said.facts
    assert facts["licence"] == "CC-BY-4.0" and said.recipe == "name = 'x'"
    assert facts["summary"] == "small, adapted to 7 unlabelled radiographs"
    assert facts["limits"][0] == "Reads 64 pixels." and len(facts["limits"]) == 4
    for words in ("from small (coarse network's sha256 ab12) to 7 unlabelled", "300 steps", "seed 5"):
        assert words in facts["data"]
    assert "88% of the bones of 9 pseudo-masks" in facts["data"] and facts["data"].endswith("Synthetic hands.")
    assert facts["metrics"] == {
        "synthetic hands, Dice": {"before": 0.9512, "after": 0.953},
        "flags on the radiographs": {"before": 1, "after": 0},
    }
    assert "doe" not in json.dumps(facts)


def test_a_run_or_a_file_is_not_named_by_its_path(tmp_path, monkeypatch):
    said = describe(AdaptOrigin("ab12", None), outcome(), AdaptSettings())
    assert said.facts["summary"].startswith("a run, adapted to") and said.recipe == ""
    assert said.facts["licence"] == "not stated" and said.facts["data"].endswith("Before that: not stated.")
    (tmp_path / "coarse.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(description, "resolve", lambda weights: tmp_path)
    monkeypatch.setattr(description, "find_weights", lambda weights: (tmp_path / "coarse.safetensors", None))
    origin = origin_of(tmp_path)
    assert origin.card is None and origin.name == "a run" and len(origin.sha256) == 64


def test_the_facts_of_the_page_say_what_was_done():
    assert facts_of(outcome()) == {
        "Radiographs": "7, of which 1 could not be read",
        "Learned from": "9 of 14 pseudo-masks, 88% of their bones",
        "Steps": "300",
        "Dice on synthetic hands": "0.9512 before, 0.9530 after",
        "Flags": "1 before, 0 after, on 2 radiographs",
    }


def test_the_page_shows_those_first_that_changed_most_and_lists_the_unread(tmp_path, hand, monkeypatch):
    monkeypatch.setattr(page_module, "_SIDE", 90)
    paths, changes = [], []
    for number, changed in enumerate((0.1, 0.4, 0.2)):
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), hand.image)
        changes.append(RadiographChange(f"<{number}>.png", changed, 1, 0))
    changes.append(RadiographChange("cut.png", error="cut.png: is cut"))
    paths.append(tmp_path / "cut.png")
    empty = compare([], [])
    page = write_page(
        tmp_path / "adapt.html",
        replace(empty, radiographs=tuple(changes)),
        paths,
        lambda number: (Outlined(hand.masks), Outlined(hand.masks)),
        facts={"Steps": "3"},
        refused=["flags rise"],
    )
    text = page.read_text(encoding="utf-8")
    places = [text.index(f"&lt;{number}&gt;.png") for number in (1, 2, 0)]
    assert places == sorted(places) and "<1>" not in text, "names are no markup"
    assert text.count("data:image/jpeg") == 3 and "cut.png: is cut" in text and "flags rise" in text
    assert _percent(float("nan")) == "–" and _percent(0.1234) == "12.3 %"
    assert Changes((), ()).flags_before == 0
