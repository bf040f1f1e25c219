"""`handbone predict --shard i/n`, and `--join`: the whole as one command would have written it."""

import os
import shutil
from pathlib import Path

import pytest
from test_cli_predict_again import asked, call, content, draw, images, weights  # noqa: F401

from handbone.core.errors import HandboneError
from handbone.method.two_stage import TwoStage
from handbone.workflows.shards import Shard, shards_folder

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def many(images):  # noqa: F811
    (images / "sub").mkdir()
    draw(images / "sub" / "d.png", 4)
    draw(images / "sub" / "a.png", 5)
    shutil.copy(images / "a.png", images / "a.jpg")
    (images / "cut.png").write_bytes((images / "b.png").read_bytes()[:200])
    (images / "notes.txt").write_text("not an image")
    return images


@pytest.mark.parametrize("hands", ["one", "all"])
def test_shards_joined_are_what_one_command_writes(many, weights, tmp_path, monkeypatch, hands):  # noqa: F811
    ask = (many, "--weights", weights, "--write", "coco", "--hands", hands)
    assert call(*ask, "-o", tmp_path / "straight").exit_code == 1, "one image is cut"
    codes = [call(*ask, "-o", tmp_path / "out", "--shard", f"{number}/3").exit_code for number in (3, 1, 2)]
    assert sorted(codes) == [0, 0, 1] and not (tmp_path / "out").exists()
    monkeypatch.setattr(TwoStage, "from_path", None)  # no network is loaded
    joined = call(*ask, "-o", tmp_path / "out", "--join")
    assert joined.exit_code == 1 and "6 of 7 radiographs outlined" in joined.output, joined.output
    assert content(tmp_path / "out") == content(tmp_path / "straight")
    assert call(*ask[1:], "-o", tmp_path / "out", "--join").exit_code == 1, "goes on, as one image has failed"
    assert content(tmp_path / "out") == content(tmp_path / "straight"), "without paths"
    table = tmp_path / "out" / "overlays" / "b.png"
    assert table.stat().st_nlink == 2, "the disk has each overlay just once"


def test_missing_unfinished_and_other_shards_are_named(many, weights, tmp_path, asked):  # noqa: F811
    ask = (many, "-o", tmp_path / "out", "--weights", weights)
    assert "there are no shards" in str(call(*ask, "--join").exception)
    call(*ask, "--shard", "2/5")
    call(*ask, "--shard", "4/5", "--threshold", "0.3")
    keys = ("a.jpg", "a.png", "b.png", "c.png", "sub/a.png", "sub/d.png")
    number = next(n for n in (1, 3, 5) if sum(key in Shard(n, 5) for key in keys) > 1)
    begun = len(asked)

    def stop(image):
        if len(asked) == begun + 2:
            raise KeyboardInterrupt

    asked.fails = stop
    assert call(*ask, "--shard", f"{number}/5").exit_code == 130
    said = str(call(*ask, "--join").exception)
    rest = ", ".join(str(n) for n in (1, 3, 5) if n != number)
    assert f"missing: {rest} of 5" in said and f"unfinished: {number} of 5" in said
    assert "made with other settings or weights: 4 of 5" in said and not (tmp_path / "out").exists()
    asked.fails = None
    call(*ask, "--shard", "1/2")
    assert "shards of 2 and of 5" in str(call(*ask, "--join").exception)


def test_a_shard_goes_on_and_empty_ones_count(images, weights, tmp_path, asked):  # noqa: F811
    ask = (images, "-o", tmp_path / "out", "--weights", weights)
    for number in range(1, 21):
        assert call(*ask, "--shard", f"{number}/20").exit_code == 0
    assert len(asked) == 3, "no image twice"
    assert call(*ask, "--join").exit_code == 0
    assert call(*ask[:2], tmp_path / "straight", *ask[3:]).exit_code == 0
    assert content(tmp_path / "out") == content(tmp_path / "straight")


def test_changed_inputs_are_noticed_by_a_join(images, weights, tmp_path):  # noqa: F811
    ask = (images, "-o", tmp_path / "out", "--weights", weights)
    for number in (1, 2):
        assert call(*ask, "--shard", f"{number}/2").exit_code == 0
    draw(images / "late.png", 9)
    assert "no shard has 1 of 4 images, such as late.png" in str(call(*ask, "--join").exception)
    os.unlink(images / "late.png")
    os.unlink(images / "a.png")
    assert "1 images that are not there" in str(call(*ask, "--join").exception)
    shard = next(Shard(n, 2).folder(tmp_path / "out") for n in (1, 2) if "b.png" in Shard(n, 2))
    (shard / "overlays" / "b.png").write_bytes(b"changed")
    assert "the result of b.png is gone, or was changed" in str(call(*ask[1:], "--join").exception)


@pytest.mark.parametrize("word", ["0/3", "4/3", "3", "1/0", "-1/3", "a/b", "1/3/5", "1/1000000"])
def test_what_is_no_shard_is_refused(word):
    with pytest.raises(HandboneError, match="no part of the work"):
        Shard.parse(word)


def test_shards_part_the_keys_and_further_ones_move_no_other():
    keys = [f"folder/{number}.png" for number in range(3000)]
    shards = [Shard(number, 7) for number in range(1, 8)]
    counts = [sum(key in shard for key in keys) for shard in shards]
    assert sum(counts) == len(keys) and min(counts) > 350
    # Shards that are done must stay those of their images in the next version.
    assert [next(s.number for s in shards if key in s) for key in ("a.png", "b/c.dcm", "ä#2")] == [2, 7, 5]


def test_shards_lie_beside_their_whole(tmp_path, monkeypatch):
    assert shards_folder(tmp_path / "out") == tmp_path / "out.shards"
    monkeypatch.chdir(tmp_path)
    assert shards_folder(Path()) == tmp_path / "shards"


def test_a_shard_and_a_join_are_two_commands(images, tmp_path):  # noqa: F811
    result = call(images, "-o", tmp_path / "out", "--shard", "1/2", "--join")
    assert result.exit_code == 2 and "first run every shard" in result.output
