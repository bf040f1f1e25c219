"""Shards of a command's work: what each keeps, what a join reads of them, and what it refuses to take."""

import json
import os

import pytest

from handbone.core.errors import HandboneError
from handbone.core.written import WRITTEN_FILE
from handbone.workflows import divided
from handbone.workflows.divided import (
    SHARD_FILE,
    Work,
    keep_shard,
    shard_results,
    take_files,
    work_fingerprint,
)
from handbone.workflows.shards import Shard, finished_shards
from handbone.workflows.stored_results import record_file
from handbone.workflows.tasks import Failed

NAMES = ["a.png", "b.png", "p1/c.png", "d.png", "e.png"]
OF = 3


def work(folder=None, names=NAMES, made=None):
    """Squares the length of names, as a pair, which JSON does not know; "d.png" fails. Each also writes a file."""

    def measure(name):
        if made is not None:
            made.append(name)
        if name == "d.png":
            raise HandboneError("is broken", where=name)
        if folder is not None:
            (folder / f"{len(name)}.txt").write_text(name)
        return len(name), len(name) ** 2

    return Work(lambda: measure, names, "Measuring", list, tuple)


def keep(number, output, *, fingerprint="f", names=NAMES, made=None, overwrite=False):
    shard = Shard(number, OF)
    return keep_shard(
        lambda folder: work(folder, names, made),
        shard,
        shard_results(output, shard),
        command="measure",
        fingerprint=fingerprint,
        overwrite=overwrite,
    )


@pytest.fixture
def shards(tmp_path):
    """All shards of the work, finished."""
    for number in range(1, OF + 1):
        keep(number, tmp_path / "out")
    return finished_shards(tmp_path / "out", "f", record_file=SHARD_FILE)


def test_a_shard_does_its_own_images_alone_and_says_what_became_of_each(tmp_path):
    made = []
    records = [keep(number, tmp_path / "out", made=made) for number in range(1, OF + 1)]
    assert sorted(made) == sorted(NAMES), "each image once"
    for number, record in enumerate(records, start=1):
        own = [name for name in NAMES if name in Shard(number, OF)]
        assert [image["name"] for image in record["images"]] == own
        assert {image["name"] for image in record["images"] if image["error"]} == {"d.png"} & set(own)
        assert (record["command"], record["shard"], record["fingerprint"]) == ("measure", f"{number}/{OF}", "f")
        folder = Shard(number, OF).folder(tmp_path / "out")
        assert json.loads((folder / SHARD_FILE).read_text()) == record
        assert all((folder / record_file(name)).is_file() for name in own)
    assert not (tmp_path / "out").exists()


def test_a_join_gives_every_item_in_order_with_the_value_that_was_made(shards):
    joined = list(work().results(shards=shards))
    assert joined == list(work().results())
    assert joined[3] == ("d.png", Failed("d.png: is broken")) and joined[2] == ("p1/c.png", (8, 64))


def test_a_join_makes_nothing_itself(shards):
    made = []
    list(work(made=made).results(shards=shards))
    assert made == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*NAMES, "late.png"], "no shard has 1 of 6 images, such as late.png"),
        (NAMES[:-2], "the shards have 2 images that are not there any more"),
        # As many as before, and yet not the same.
        ([*NAMES[:-1], "late.png"], "no shard has 1 of 5 images, such as late.png"),
    ],
)
def test_shards_of_other_images_are_refused_before_any_is_joined(shards, names, message):
    with pytest.raises(HandboneError, match=message):
        next(work(names=names).results(shards=shards))


@pytest.mark.parametrize(
    "damage",
    [
        os.unlink,
        lambda path: os.truncate(path, 9),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text("3"),
    ],
    ids=["gone", "cut", "a list", "a number"],
)
def test_a_result_that_is_gone_or_cut_names_its_image_and_its_shard(shards, tmp_path, damage):
    folder = Shard.of_key("b.png", OF).folder(tmp_path / "out")
    damage(folder / record_file("b.png"))
    with pytest.raises(HandboneError) as caught:
        list(work().results(shards=shards))
    assert caught.value.what.startswith("the result of b.png is gone") and caught.value.where == str(folder)
    assert "--overwrite" in caught.value.remedy


def test_a_shard_whose_list_is_cut_is_named(shards):
    os.truncate(shards[1] / SHARD_FILE, (shards[1] / SHARD_FILE).stat().st_size - 9)
    with pytest.raises(
        HandboneError, match=r"shard.json: its record is damaged; run this shard again with --overwrite"
    ):
        next(work().results(shards=shards))


def test_files_that_shards_made_are_in_the_whole_and_their_own_records_are_not(shards, tmp_path):
    whole = tmp_path / "whole"
    take_files(shards, whole)
    # The two names of five letters share a file: the one of the later shard is there.
    assert sorted(path.name for path in whole.rglob("*") if path.is_file()) == ["5.txt", "8.txt"]
    assert (whole / "8.txt").read_text() == "p1/c.png"


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda folder: (folder / "8.txt").write_text("mine"), "8.txt"),
        (lambda folder: (folder / "8.txt").unlink(), "8.txt"),
        (lambda folder: (folder / WRITTEN_FILE).unlink(), "its list of files"),
    ],
)
def test_a_file_that_was_changed_since_is_never_passed_on(shards, tmp_path, damage, what):
    folder = Shard.of_key("p1/c.png", OF).folder(tmp_path / "out")
    damage(folder)
    with pytest.raises(HandboneError, match=f"{what} is gone, or was changed; run this shard again"):
        take_files(shards, tmp_path / "whole")


def test_taking_files_a_second_time_replaces_what_an_interrupted_join_has_taken(shards, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "8.txt").write_text("half")
    take_files(shards, whole)
    assert (whole / "8.txt").read_text() == "p1/c.png"
    folder = Shard.of_key("p1/c.png", OF).folder(tmp_path / "out")
    assert (folder / "8.txt").read_text() == "p1/c.png", "the shard stays as it is"


def test_a_finished_shard_is_not_made_again_unasked(shards, tmp_path):
    made = []
    with pytest.raises(HandboneError, match="the folder already contains a finished shard"):
        keep(1, tmp_path / "out", made=made)
    assert made == []
    keep(1, tmp_path / "out", made=made, overwrite=True, fingerprint="g")
    assert made == [name for name in NAMES if name in Shard(1, OF)]
    with pytest.raises(HandboneError, match="made with other settings or weights: 1 of 3"):
        finished_shards(tmp_path / "out", "f", record_file=SHARD_FILE)


@pytest.mark.parametrize("at", [record_file("b.png"), SHARD_FILE])
def test_a_shard_that_is_killed_between_two_writes_leaves_nothing_to_join(tmp_path, monkeypatch, at):
    """A result is written before the list that names it, and neither counts before the folder is whole."""
    shard = Shard.of_key("b.png", OF)

    def killed(write):
        def written(path, *content):
            if str(path).endswith(at):
                raise KeyboardInterrupt
            return write(path, *content)

        return written

    with monkeypatch.context() as patch:
        for name in ("write_json", "write_json_entries"):
            patch.setattr(divided, name, killed(getattr(divided, name)))
        with pytest.raises(KeyboardInterrupt):
            keep(shard.number, tmp_path / "out")
    assert not shard.folder(tmp_path / "out").exists()
    for number in range(1, OF + 1):
        keep(number, tmp_path / "out")
    assert len(finished_shards(tmp_path / "out", "f", record_file=SHARD_FILE)) == OF


def test_the_fingerprint_counts_the_bytes_of_predictions_and_the_place_of_images(tmp_path):
    table, folder, images = tmp_path / "t.csv", tmp_path / "predicted", tmp_path / "images"
    folder.mkdir()
    images.mkdir()
    table.write_text("one")
    (folder / "predictions.csv").write_text("rows")
    (folder / "predictions.json").write_text("{}")

    def mark(paths=(table, folder, images), command="measure", **settings):
        return work_fingerprint(command, paths, {"rois": [], **settings})

    first = mark()
    assert mark() == first
    (images / "a.png").write_text("another image")
    (folder / "notes.txt").write_text("of the user")
    copy = table.rename(tmp_path / "renamed.csv")
    assert mark((copy, folder, images)) == first, "bytes count, not names"
    others = [mark((copy, folder, images), rois=["rus"]), mark((copy, folder, images), "evaluate")]
    others.append(mark((copy, folder, tmp_path)))
    (folder / "predictions.json").write_text('{"images": []}')
    others.append(mark((copy, folder, images)))
    (folder / "predictions.csv").write_text("other rows")
    others.append(mark((copy, folder, images)))
    copy.write_text("two")
    others.append(mark((copy, folder, images)))
    assert len({first, *others}) == 7


def test_what_plugins_take_part_is_in_the_fingerprint(tmp_path, monkeypatch):
    first = work_fingerprint("measure", [], {})
    monkeypatch.setattr(divided, "provenance", lambda manager: {"other": "1.0"})
    assert work_fingerprint("measure", [], {}) != first
