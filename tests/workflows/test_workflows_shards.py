"""Parts of the work: which image belongs to which, and what is said where parts are missing or of another kind."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.core.errors import HandboneError
from handbone.core.json_stream import write_json_entries
from handbone.workflows.outputs import RECORD_FILE
from handbone.workflows.shards import Shard, finished_shards, shards_folder


def finish(shard, output, fingerprint="f"):
    folder = shard.folder(output)
    folder.mkdir(parents=True)
    write_json_entries(folder / RECORD_FILE, {"schema": "s/1", "fingerprint": fingerprint}, "images", [])


def begin(shard, output):
    folder = shard.folder(output)
    folder.with_name(f".{folder.name}.part").mkdir(parents=True)


@pytest.mark.parametrize("text", ["1/1", "3/8", "8/8", "1/100000", "100000/100000"])
def test_a_part_is_said_as_it_was_read(text):
    assert str(Shard.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1", "0/1", "2/1", "1/0", "-1/2", "1/2/3", " 1/2", "1/100001", "1.0/2", "１/２", "a/b"]
)
def test_what_is_no_part_is_refused_with_an_example(text):
    with pytest.raises(HandboneError) as error:
        Shard.parse(text)
    assert str(error.value) == f"--shard: {text!r} is no part of the work; write i/n with i from 1 to n, such as 1/8"


@settings(max_examples=40)
@given(st.lists(st.text(), unique=True, max_size=20), st.integers(1, 9))
def test_every_image_belongs_to_one_part(keys, count):
    shards = [Shard(number, count) for number in range(1, count + 1)]
    assert all(sum(key in shard for shard in shards) == 1 for key in keys)


@pytest.mark.skipif(Path("/").anchor != "/", reason="such bytes are names on POSIX only")
def test_bytes_that_are_no_text_belong_to_a_part_too():
    assert sum("caf\udce9.png" in Shard(number, 3) for number in (1, 2, 3)) == 1


def test_parts_are_about_equal():
    sizes = [sum(f"p{key}.png" in Shard(number, 4) for key in range(4000)) for number in range(1, 5)]
    assert sum(sizes) == 4000 and min(sizes) > 900


def test_all_parts_in_order_whatever_else_lies_there(tmp_path):
    output = tmp_path / "out"
    for number in (10, 2, 1, *range(3, 10)):
        finish(Shard(number, 10), output)
    (shards_folder(output) / "notes.txt").write_text("mine")
    (shards_folder(output) / "shard-1-of-99").write_text("a file and no part")
    found = finished_shards(output, "f")
    assert found == [Shard(number, 10).folder(output) for number in range(1, 11)]


def refusal(output, fingerprint="f"):
    with pytest.raises(HandboneError) as error:
        finished_shards(output, fingerprint)
    assert error.value.where == str(shards_folder(output)) and error.value.remedy
    return error.value.what


def test_no_part_at_all_says_how_to_begin(tmp_path):
    assert refusal(tmp_path / "out") == "there are no shards"


def test_parts_of_two_divisions_are_told_apart(tmp_path):
    finish(Shard(1, 2), tmp_path / "out")
    begin(Shard(1, 3), tmp_path / "out")
    assert refusal(tmp_path / "out") == "there are shards of 2 and of 3"


def test_what_is_wrong_with_each_part_is_said_at_once(tmp_path):
    output = tmp_path / "out"
    finish(Shard(1, 5), output)
    finish(Shard(2, 5), output, "other")
    begin(Shard(4, 5), output)
    Shard(5, 5).folder(output).mkdir()
    assert refusal(output) == (
        "not all shards are there (missing: 3, 5 of 5; unfinished: 4 of 5; made with other settings or weights: 2 of 5)"
    )


@pytest.mark.parametrize(("count", "ending"), [(21, "20, 21 of 21)"), (22, "20, 21 and 1 more of 22)")])
def test_twenty_numbers_are_listed_and_the_rest_counted(tmp_path, count, ending):
    finish(Shard(1, count), tmp_path / "out")
    assert refusal(tmp_path / "out").endswith(ending)


def test_a_part_with_a_damaged_record_is_missing(tmp_path):
    finish(Shard(1, 1), tmp_path / "out")
    (Shard(1, 1).folder(tmp_path / "out") / RECORD_FILE).write_text("{")
    assert refusal(tmp_path / "out") == "not all shards are there (missing: 1 of 1)"


def test_one_part_of_one_is_the_whole(tmp_path):
    finish(Shard(1, 1), tmp_path / "out")
    assert finished_shards(tmp_path / "out", "f") == [tmp_path / "out.shards" / "shard-1-of-1"]
