"""predict, ensemble and export while disks fill, folders are closed, and others are at work."""

import os
import subprocess
from pathlib import Path

import pytest
from cli_small import draw_image, main, save_seeing, write_table
from faults_content import content

from handbone.core.folders import Place
from handbone.core.written import WRITTEN_FILE

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Weights, three images in a tree, and two tables of them."""
    folder = tmp_path_factory.mktemp("home")
    save_seeing(folder / "weights" / "coarse.safetensors")
    names = ["p1/wrist.png", "p2/wrist.png", "p2/x.png"]
    for seed, name in enumerate(names):
        draw_image(folder / "images" / name, seed)
    for seed in (0, 1):
        write_table(folder / f"{'ab'[seed]}.csv", names, seed)
        for name in names:
            draw_image(folder / "small" / name, size_hw=(90, 90))
    return folder


COMMANDS = {
    "predict": "predict {home}/images -w {home}/weights -o {out}",
    "ensemble": "ensemble {home}/a.csv {home}/b.csv --images {home}/small -m vote -o {out}",
    "export": "export {home}/a.csv -f png --images {home}/small -o {out}",
    "refine": "refine --coarse {home}/a.csv --images {home}/small -o {out}",
    "measure": "measure {home}/a.csv --images {home}/small -o {out}",
    "adapt": "adapt {home}/images -w {home}/weights -o {out}",
}
LEFT = {
    "predict": {"predictions.csv", "predictions.json", "records/p1/wrist.png.json", "overlays/p2/wrist.png"},
    "ensemble": {"predictions.csv", "ensemble.json"},
    "export": {"export.json", "p1/wrist/Ulna.png", "p2/x/Radius.png"},
}
each = pytest.mark.parametrize("name", list(LEFT))


def words(name, home, out):
    return COMMANDS[name].format(home=home, out=out).split()


@each
@pytest.mark.parametrize("place", ["link", "dot", "mount", "shared"])
def test_results_lie_where_they_were_asked_for_whatever_that_is(name, place, home, tmp_path, monkeypatch, mounted):
    out = {"link": tmp_path / "link", "dot": Path("."), "shared": tmp_path / "shared"}.get(place) or mounted("size=9m")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to("shared")
    monkeypatch.chdir(tmp_path / "shared")
    assert main(monkeypatch, *words(name, home, out)) == 0
    assert main(monkeypatch, *words(name, home, out)) == 1, "there are results already"
    assert main(monkeypatch, *words(name, home, out), "--overwrite") == 0
    assert content(out).keys() >= LEFT[name]
    assert (tmp_path / "shared" / "mine.txt").read_text() == "mine" and (tmp_path / "link").is_symlink()
    hidden = {path.name for path in [*tmp_path.glob(".*"), *out.glob(".*")]}
    assert hidden == {WRITTEN_FILE}, "nothing is left over"


@each
def test_a_folder_that_cannot_be_written_is_found_out_before_the_work(
    name, home, tmp_path, monkeypatch, mounted, capsys
):
    disk = mounted("ro")
    assert main(monkeypatch, *words(name, home, disk / "out")) == 1
    told = capsys.readouterr()
    assert "Read-only file system; free disk space or check permissions" in told.err and "Traceback" not in told.err
    (tmp_path / "file").write_text("mine")
    assert main(monkeypatch, *words(name, home, tmp_path / "file")) == 1
    assert "this is not a folder; give the name of a folder" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.slow
@each
def test_a_full_disk_costs_nothing_but_time(name, home, tmp_path, monkeypatch, mounted, capsys):
    size = {"predict": "60k", "ensemble": "4k", "export": "40k"}[name]
    disk = mounted(f"size={size}")
    assert main(monkeypatch, *words(name, home, disk / "out")) == 1
    assert "No space left on device" in capsys.readouterr().err and not (disk / "out").exists()
    subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
    assert main(monkeypatch, *words(name, home, disk / "out")) == 0
    assert main(monkeypatch, *words(name, home, tmp_path / "out")) == 0
    assert content(disk / "out") == content(tmp_path / "out") and os.listdir(disk) == ["out"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_two_at_once_and_the_second_says_so(name, home, tmp_path, monkeypatch, capsys):
    with Place.of(tmp_path / "out").locked():
        assert main(monkeypatch, *words(name, home, tmp_path / "out")) == 1
    said = capsys.readouterr().err
    assert "out: another handbone process (" in said and ") is at work there; wait for it" in said
    assert os.listdir(tmp_path) == []


@each
def test_files_that_a_user_has_corrected_are_refused_by_name(name, home, tmp_path, monkeypatch, capsys):
    assert main(monkeypatch, *words(name, home, tmp_path / "out")) == 0
    corrected = sorted(LEFT[name])[-1]
    (tmp_path / "out" / corrected).write_text("by hand")
    assert main(monkeypatch, *words(name, home, tmp_path / "out"), "--overwrite") == 1
    assert f"{corrected} is changed since handbone wrote it; move it elsewhere" in capsys.readouterr().err
    assert (tmp_path / "out" / corrected).read_text() == "by hand"
