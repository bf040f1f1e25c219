"""`handbone predict` on any number of radiographs: lists of paths, summaries, and nothing that stays in memory."""

import gc
import io
import json
import weakref

import pytest
from rich.console import Console
from test_cli_predict_again import call, draw, images, make_weights, weights  # noqa: F401

from handbone.cli import predict_show
from handbone.core.radiograph import Radiograph
from handbone.workflows import outline_task
from handbone.workflows.prediction_join import Summary
from handbone.workflows.records import ImageRecord

pytestmark = pytest.mark.usefixtures("one_thread")


def test_paths_from_a_list_have_the_keys_that_they_would_have_when_given(images, weights, tmp_path):  # noqa: F811
    (images / "sub").mkdir()
    draw(images / "sub" / "d.png", 4)
    chosen = [images / "a.png", images / "sub" / "d.png"]
    (tmp_path / "list.txt").write_text("\n".join(map(str, chosen)))
    assert call("--from-file", tmp_path / "list.txt", "-o", tmp_path / "listed", "--weights", weights).exit_code == 0
    record = json.loads((tmp_path / "listed" / "predictions.json").read_text())
    assert [image["name"] for image in record["images"]] == ["a.png", "sub/d.png"]
    neither = call("-o", tmp_path / "none", "--weights", weights)
    assert neither.exit_code == 2 and "--from-file" in neither.output


def test_no_image_stays_in_memory(images, weights, tmp_path, monkeypatch):  # noqa: F811
    for seed in range(3, 6):
        draw(images / f"{seed}.png", seed)
    alive, most, plain = weakref.WeakSet(), [], outline_task.read_image

    def read(*arguments, **options):
        gc.collect()
        most.append(len(alive))
        radiograph: Radiograph = plain(*arguments, **options)
        alive.add(radiograph)
        return radiograph

    monkeypatch.setattr(outline_task, "read_image", read)
    monkeypatch.setattr(Radiograph, "__hash__", object.__hash__)
    assert call(images, "-o", tmp_path / "out", "--weights", weights).exit_code == 0
    assert len(most) == 6 and max(most) <= 3, "one that is read, one at the networks, one that is drawn"


def summary_of(count):
    summary = Summary()
    for number in range(count):
        summary.add(ImageRecord(f"{number}.png", "p", size_hw=(9, 9), confidence={"Capitate": 0.9}))
    return summary


def shown(summary, tmp_path, monkeypatch):
    console = Console(width=200, record=True, file=io.StringIO())
    monkeypatch.setattr(predict_show, "results_console", lambda: console)
    predict_show.show(summary, tmp_path, "auto")
    return console.export_text()


def test_many_radiographs_get_a_summary_in_place_of_a_table(tmp_path, monkeypatch):
    summary = summary_of(60)
    for number in range(12):
        summary.add(ImageRecord(f"bad{number}.png", "p", error=f"bad{number}.png: cut"))
    summary.add(ImageRecord("odd", "p", inverted=True, flags=[{"rule": "x"}], unwritten={"coco": "why"}))
    text = shown(summary, tmp_path, monkeypatch)
    assert "60 of 73 radiographs outlined, 1 without a hand" in text and len(text.splitlines()) == 15
    assert "failed bad9.png: cut" in text and "failed and 2 more: 'error' in predictions.json" in text
    assert "check 1 radiograph: 'flags' in predictions.json" in text
    assert "inverted 1 radiograph" in text and "not written 1 radiograph" in text
