"""Outlined shards as one folder: what one command would have written, or nothing at all."""

import json
from pathlib import Path

import pytest
from results_toys import content, outlining

from handbone.core import files
from handbone.core.errors import HandboneError
from handbone.formats.image_search import InputImage
from handbone.workflows import shard_join
from handbone.workflows.predict import predict_images, prediction_results
from handbone.workflows.prediction_join import Extras
from handbone.workflows.shard_join import join_shards, joined_head, take_result
from handbone.workflows.shards import Shard, finished_shards
from handbone.workflows.stored_results import StoredResults, record_file

#: A file of two images is no image of two hands, though both are called #1 and #2.
NAMES = ["a.png", "cut.png", "odd.png", "pages.tif#1", "pages.tif#2", "sub/a.png", "two.png"]
OF = 3


def images_of(names=NAMES):
    return [InputImage(name, Path("/hands") / name) for name in names]


def predict(output, *, names=NAMES, shard=None, overwrite=False):
    place = output if shard is None else shard.folder(output)
    head = {"schema": "handbone.predictions/1", "shard": shard and str(shard), "fingerprint": "f"}
    return predict_images(
        images_of(names),
        None,
        prediction_results(place),
        fingerprint="f",
        head=head,
        hands="all",
        shard=shard,
        overwrite=overwrite,
        crew=outlining,
    )


def joined(output, *, expected=NAMES, overwrite=False):
    shards = finished_shards(output, "f")
    return join_shards(
        shards,
        prediction_results(output),
        fingerprint="f",
        head=joined_head(shards),
        extras=Extras(),
        hands="all",
        overwrite=overwrite,
        expected=None if expected is None else images_of(expected),
    )


@pytest.fixture
def out(tmp_path):
    for number in range(1, OF + 1):
        predict(tmp_path / "out", shard=Shard(number, OF))
    return tmp_path / "out"


@pytest.mark.parametrize("expected", [NAMES, None])
def test_the_whole_is_what_one_command_writes(out, tmp_path, expected):
    straight = predict(tmp_path / "straight")
    shards = content(out.with_name("out.shards"))
    summary = joined(out, expected=expected)
    assert content(out) == content(tmp_path / "straight")
    assert content(out.with_name("out.shards")) == shards, "shards stay as they are"
    assert summary.outcomes == straight.outcomes == {"no_hand": 6, "failed": 2}
    record = json.loads((out / "predictions.json").read_text())
    assert record["shard"] is None and [image["name"] for image in record["images"]] == [
        *("a.png", "cut.png", "odd.png", "pages.tif#1", "pages.tif#2", "sub/a.png", "two.png#1", "two.png#2")
    ]
    assert (out / "errors" / "odd.txt").read_text() == "Traceback" and not (out / "errors" / "cut.txt").exists()


def test_files_that_are_joined_take_no_room_twice(out):
    joined(out)
    assert (out / "overlays" / "two#2.png").stat().st_nlink == (out / record_file("a.png")).stat().st_nlink == 2


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ([*NAMES, "late.png"], "no shard has 1 of 8 images, such as late.png"),
        (NAMES[1:], "the shards have 1 images that are not there any more"),
        # A failure was looked at all the same.
        ([name for name in NAMES if name != "cut.png"], "the shards have 1 images"),
    ],
)
def test_shards_of_other_images_are_not_joined(out, expected, message):
    with pytest.raises(HandboneError, match=message):
        joined(out, expected=expected)
    assert not out.exists()


@pytest.mark.parametrize("damage", ["overlay changed", "overlay gone", "record gone", "record cut", "second hand gone"])
def test_a_result_that_is_not_as_it_was_written_stops_the_join(out, damage):
    name, stem = ("two.png#2", "two#2") if "hand" in damage else ("a.png", "a")
    folder = Shard.of_key(name.removesuffix("#2"), OF).folder(out)
    overlay, record = folder / "overlays" / f"{stem}.png", folder / record_file(name)
    {
        "overlay changed": lambda: overlay.write_text("mine"),
        "overlay gone": overlay.unlink,
        "record gone": record.unlink,
        "record cut": lambda: record.write_text(record.read_text()[:-9]),
        "second hand gone": overlay.unlink,
    }[damage]()
    with pytest.raises(HandboneError) as caught:
        joined(out)
    assert caught.value.what == f"the result of {name} is gone, or was changed"
    assert caught.value.where == str(folder) and not out.exists()
    # What somebody has changed goes by his own hand alone; the shard made anew is then all that is needed.
    for damaged in (overlay, record):
        damaged.unlink(missing_ok=True)
    predict(out, shard=Shard.of_key(name.removesuffix("#2"), OF), overwrite=True)
    joined(out)
    assert (out / "overlays" / f"{stem}.png").read_text() == f"drawn {name}"


@pytest.mark.parametrize("taken", range(0, 8, 2))
def test_a_join_that_is_killed_goes_on_with_what_it_had_taken(out, tmp_path, monkeypatch, taken):
    predict(tmp_path / "straight")
    copied = []

    def copy(source, target):
        if len(copied) == taken:
            raise KeyboardInterrupt
        copied.append(target.name)
        files.copy_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("handbone.workflows.stored_results.copy_file", copy)
        with pytest.raises(KeyboardInterrupt):
            joined(out)
    assert not out.exists()
    again = []
    with monkeypatch.context() as patch:
        whole = shard_join.StoredResults.copy_from
        patch.setattr(StoredResults, "copy_from", lambda *args, **kw: again.append(args[2]) or whole(*args, **kw))
        joined(out)
    # An overlay and a record make a result: what was whole is not taken again.
    assert len(again) == 6 - taken // 2
    assert content(out) == content(tmp_path / "straight")


def test_a_whole_that_is_there_is_replaced_only_when_told_to(out):
    joined(out)
    before = content(out)
    with pytest.raises(HandboneError, match="already contains predictions"):
        joined(out)
    (out / "notes.txt").write_text("mine")
    joined(out, overwrite=True)
    assert content(out) == {**before, "notes.txt": b"mine"}


def test_where_no_shard_has_a_result_nothing_is_written_but_what_nobody_foresaw(tmp_path):
    for names, written in ((["cut.png", "cut2.png"], False), (["cut.png", "odd.png"], True)):
        output = tmp_path / f"{written}"
        for number in (1, 2):
            predict(output, names=names, shard=Shard(number, 2))
        summary = joined(output, expected=None)
        assert summary.outcomes == {"failed": 2} and output.exists() is written
        assert (output / "errors" / "odd.txt").exists() is written


def test_a_result_of_other_inputs_is_taken_only_where_nobody_looks(out, tmp_path):
    shard = StoredResults(Shard.of_key("a.png", OF).folder(out), "f")
    with pytest.raises(HandboneError, match=r"the result of a.png is gone, or was changed, or is of other inputs"):
        take_result(shard, "a.png", "a", StoredResults(tmp_path / "whole", "f"), key="another")
    assert not (tmp_path / "whole").exists()
    take_result(shard, "a.png", "a", StoredResults(tmp_path / "whole", "f"), key="key of a.png")
    take_result(shard, "a.png", "a", StoredResults(tmp_path / "other", "f"))
    assert content(tmp_path / "whole") == content(tmp_path / "other")
