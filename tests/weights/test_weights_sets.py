"""Names and paths of weights, and what is said when one is neither."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.method.two_stage import TwoStage
from handbone.weights import DEFAULT, find, find_weights, known, names, read_set, resolve, sets


def ship(packed, places, name="zero_shot"):
    return Path(shutil.copytree(packed, places.shipped / name))


def test_without_any_set_nothing_is_known_and_the_default_is_explained(places):
    assert known() == [] and names() == [] and DEFAULT == "zero_shot"
    with pytest.raises(UnknownNameError, match="unknown weights 'zero_shot'; none are available"):
        find(DEFAULT)
    with pytest.raises(HandboneError, match=r"zero_shot: no such file.*'handbone weights list' shows"):
        resolve(DEFAULT)


def test_shipped_and_fetched_sets_are_found_by_their_folders_names(packed, places):
    ship(packed, places)
    shutil.copytree(packed, places.fetched / "theirs")
    shutil.copytree(packed, places.fetched / "zero_shot")
    (places.shipped / "__pycache__").mkdir()
    assert [(s.name, s.origin) for s in known()] == [("theirs", "fetched"), ("zero_shot", "shipped")]
    one = find("theirs")
    assert one.files == {s: places.fetched / "theirs" / f"{s}.safetensors" for s in ("coarse", "refiner")}
    assert (one.summary, one.licence, one.metrics["all"]["merged"]) == ("for tests", "Apache-2.0", 0.93)
    one.verify()
    with pytest.raises(UnknownNameError, match="did you mean 'zero_shot'"):
        find("zeroshot")
    with pytest.raises(HandboneError, match="did you mean 'zero_shot'"):
        resolve("zeroshot")


def test_a_path_that_exists_goes_before_a_name(packed, places, tmp_path, monkeypatch):
    folder = ship(packed, places)
    monkeypatch.chdir(tmp_path)
    assert resolve("zero_shot") == resolve(Path("zero_shot")) == folder
    (tmp_path / "zero_shot").mkdir()
    assert resolve("zero_shot") == Path("zero_shot")
    assert resolve(packed) == packed


def test_both_stages_are_loaded_by_name(packed, places):
    folder = ship(packed, places)
    assert find_weights("zero_shot") == (folder / "coarse.safetensors", folder / "refiner.safetensors")
    method = TwoStage.from_path("zero_shot")
    assert method.settings.find_hand == 64 and method.refine_stage.size == 64
    with pytest.raises(HandboneError, match="no such file"):
        TwoStage.from_path("zero_short")


def test_a_changed_a_missing_and_a_foreign_file_are_named(packed, places):
    folder = ship(packed, places)
    coarse = folder / "coarse.safetensors"
    whole = coarse.read_bytes()
    coarse.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(HandboneError, match=r"coarse\.safetensors: is not the file.*install handbone again"):
        find("zero_shot").verify()
    with pytest.raises(HandboneError, match="is not the file"):
        TwoStage.from_path("zero_shot")
    coarse.unlink()
    with pytest.raises(HandboneError, match=r"coarse\.safetensors: is missing"):
        find("zero_shot").verify()
    coarse.write_bytes(whole)
    (folder / "other.safetensors").write_bytes(whole)
    with pytest.raises(HandboneError, match=r"other\.safetensors: is not in the set's card\.json"):
        find("zero_shot").verify()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x", "files": {}}', '{"name": "x", "files": {"../a": {}}}'])
def test_a_damaged_card_takes_nothing_else_down(packed, places, text):
    ship(packed, places)
    broken = places.fetched / "broken"
    broken.mkdir(parents=True)
    (broken / "card.json").write_text(text)
    assert [s.name for s in known()] == ["zero_shot"] and names() == ["broken", "zero_shot"]
    with pytest.raises(HandboneError, match=r"broken/card\.json: cannot be read"):
        find("broken")
    assert resolve("zero_shot").is_dir()


def test_a_set_anywhere_has_the_name_of_its_card(packed, tmp_path):
    copy = Path(shutil.copytree(packed, tmp_path / "copy"))
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps({**card, "of_a_later_version": 1}))
    assert (read_set(copy).name, read_set(copy).origin) == ("small", "folder")


def test_knowing_names_needs_no_torch():
    code = "import sys, handbone.cli, handbone.weights as w; w.known(); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_the_real_folder_holds_whole_sets_or_none(monkeypatch):
    monkeypatch.setattr(sets, "SHIPPED", Path(sets.__file__).parent)
    for each in known():
        each.verify()
