"""predict, refine, ensemble, export and adapt, killed anywhere: the same command goes on and ends in the same bytes."""

import os
import random
import time
from pathlib import Path

import cv2
import pytest
from cli_small import draw_image, save_seeing, write_table
from faults_content import content
from faults_server import said
from weights_small import save

from handbone.synthetic import draw_hand
from handbone.weights.card import seal

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")]

LONG = bool(os.environ.get("HANDBONE_LONG"))
#: The command, and how often it is killed at random moments where HANDBONE_LONG is set.
COMMANDS = {
    "predict": ("predict {home}/images -w {home}/weights -o out", 50),
    "refine": ("refine --coarse {home}/a.csv --images {home}/small -w {home}/weights --classes wrist -o out", 20),
    "ensemble": ("ensemble {home}/a.csv {home}/b.csv --images {home}/small -m vote -o out", 20),
    "export": ("export {home}/a.csv -f png --images {home}/small -o out", 20),
    "adapt": ("adapt {home}/hands -w {home}/weights --steps 4 -o out", 20),
}
each = pytest.mark.parametrize("name", list(COMMANDS))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Weights, radiographs and tables of them, for all commands."""
    folder = tmp_path_factory.mktemp("home")
    save_seeing(folder / "weights" / "coarse.safetensors", bones=range(0, 29, 7))
    save(folder / "weights" / "refiner.safetensors", "refiner")
    seal(folder / "weights", name="weights", licence="Apache-2.0")
    names = ["p1/wrist.png", "p2/wrist.png", "p2/x.png"]
    for seed, name in enumerate(names):
        draw_image(folder / "images" / name, seed)
        draw_image(folder / "small" / name, size_hw=(90, 90))
    for seed in (0, 1):
        write_table(folder / f"{'ab'[seed]}.csv", names, seed)
    hand = draw_hand(3, size=128, bent=False, side="R").image
    (folder / "hands").mkdir()
    cv2.imwrite(str(folder / "hands" / "0.png"), hand)
    cv2.imwrite(str(folder / "hands" / "1.png"), hand[:, ::-1])
    return folder


class Killed:
    """One command, killed and given again in folders of its own, and what it leaves where nothing disturbs it."""

    def __init__(self, runs, home: Path, name: str):
        self.runs, self.name = runs, name
        self.words = COMMANDS[name][0].format(home=home).split()
        begun = time.monotonic()
        self.whole = self.new("whole")
        assert runs.do(self.whole, *self.words, kill=("change", 0)) == 0, said(self.whole)
        self.seconds = time.monotonic() - begun
        self.changes = int((self.whole / "changes.txt").read_text())

    def new(self, place: str) -> Path:
        folder = self.runs.place / f"{self.name}-{place}"
        folder.mkdir()
        return folder

    def finish(self, folder: Path, *, there: bool) -> None:
        """Give the command once more; only results that are whole already are a reason not to go on."""
        code = self.runs.do(folder, *self.words)
        assert code == 0 or (there and "already contains" in said(folder)), said(folder)
        one, other = content(folder), content(self.whole)
        assert one.keys() == other.keys()
        assert [path for path in one if one[path] != other[path]] == []


@pytest.fixture(scope="module")
def killed(runs, home):
    """Gives each command its undisturbed results once."""
    made: dict[str, Killed] = {}
    return lambda name: made.setdefault(name, made.get(name) or Killed(runs, home, name))


@each
def test_killed_before_any_change_of_a_folder_it_ends_in_the_same_bytes(killed, name):
    command = killed(name)
    assert command.changes > 5
    step = 1 if LONG else max(command.changes // 4, 1)
    for change in range(1, command.changes + 1, step):
        folder = command.new(f"change{change}")
        assert command.runs.do(folder, *command.words, kill=("change", change)) == -9, (change, said(folder))
        command.finish(folder, there=(folder / "out").exists())


@each
def test_killed_again_and_again_it_ends_in_the_same_bytes(killed, name):
    command, change, folder = killed(name), 0, killed(name).new("again")
    step = 1 if LONG else max(command.changes // 6, 1)
    while not (folder / "out").exists() and command.runs.do(folder, *command.words, kill=("change", change + 1)) == -9:
        change += step
    command.finish(folder, there=(folder / "out").exists())
    assert change > step


@each
def test_killed_at_random_moments_it_ends_in_the_same_bytes(killed, name):
    command, moments = killed(name), random.Random(name)
    for number in range(COMMANDS[name][1] if LONG else 2):
        folder = command.new(f"moment{number}")
        pid = command.runs.start(folder, *command.words)
        time.sleep(command.seconds * moments.random())
        assert command.runs.end(pid) in (-9, 0), said(folder)
        command.finish(folder, there=(folder / "out").exists())
