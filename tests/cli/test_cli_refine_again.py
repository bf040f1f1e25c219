"""`handbone refine` loses nothing: what was refined is kept, what failed is tried again, and a run keeps its stages."""

import errno
import json
import shutil
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
import typer
from stages_hands import DiscReader
from typer.testing import CliRunner
from weights_small import save

from handbone.anatomy import COUNT, NAMES
from handbone.cli import refine
from handbone.core.bone_masks import BoneMasks
from handbone.core.written import WRITTEN_FILE
from handbone.formats import raster_pages
from handbone.formats.contest_csv import PredictionsWriter, read_predictions
from handbone.formats.image_files import read_image
from handbone.method import networks
from handbone.method.settings import MethodSettings, PromptSettings
from handbone.method.two_stage import Stage, TwoStage
from handbone.recipe import schema
from handbone.workflows import refine_sources
from handbone.workflows.stored_results import StoredResults

app = typer.Typer()
app.command()(refine.command)

pytestmark = pytest.mark.usefixtures("one_thread")
OPEN = {"min_agreement": 0.0, "area_ratio": (0.0, 1e9), "max_shift": 1e9}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Small weights, three radiographs, and somebody's masks of them."""
    folder = tmp_path_factory.mktemp("home")
    settings = MethodSettings(refiner={"random_rois": True, "merge": OPEN})
    save(folder / "weights" / "coarse.safetensors", "coarse", method=settings)
    save(folder / "weights" / "refiner.safetensors", "refiner", logit=0.3)
    (folder / "images").mkdir()
    with PredictionsWriter(folder / "theirs.csv") as table:
        for number, name in enumerate(("a.png", "b.png", "c.png")):
            grey = np.random.default_rng(number).integers(0, 200, (120, 100), np.uint8)
            cv2.imwrite(str(folder / "images" / name), cv2.GaussianBlur(grey, (0, 0), 3))
            blob = np.ones((9, 9), bool)
            masks = {bone: (blob, (3 * bone, 60 + 9 * (bone % 5))) for bone in range(COUNT)}
            table.write(name, BoneMasks.from_crops(masks, (120, 100)))
    return folder


@pytest.fixture
def asked(monkeypatch):
    """The mean grey of every image that the refiner was asked for, and what happens then."""

    class Asked(list):
        fails = None

    told, plain = Asked(), TwoStage.refine

    def refined(self, image, *more):
        told.append(float(image.mean()))
        if told.fails is not None:
            told.fails(len(told))
        return plain(self, image, *more)

    monkeypatch.setattr(TwoStage, "refine", refined)
    return told


def call(home, out, *more):
    words = ("--coarse", home / "theirs.csv", "--images", home / "images", "-w", home / "weights", "-o", out, *more)
    return CliRunner().invoke(app, [str(word) for word in words])


def content(out):
    """Every file of a refinement; JSON without times, and not the sums of all that was written."""
    found = {}
    for path in out.rglob("*"):
        if path.name == WRITTEN_FILE:
            continue
        if path.suffix == ".json":
            text = json.loads(path.read_text(), object_hook=lambda d: {k: v for k, v in d.items() if k != "seconds"})
            found[path.relative_to(out)] = text
        elif path.is_file():
            found[path.relative_to(out)] = path.read_bytes()
    return found


def fail_second(number):
    if number == 2:
        raise RuntimeError("the network is dizzy\nin many lines")


def stop_third(number):
    if number == 3:
        raise KeyboardInterrupt


def test_what_failed_is_listed_and_tried_again_alone(home, tmp_path, asked):
    asked.fails = fail_second
    result = call(home, tmp_path / "out")
    assert result.exit_code == 1 and "2 of 3 images refined" in result.output
    record = json.loads((tmp_path / "out/refinement.json").read_text())
    errors = [image["error"] for image in record["images"]]
    assert errors[::2] == [None, None] and errors[1].startswith("b.png: RuntimeError: the network is dizzy; errors/b")
    before, after = (dict(read_predictions(p)) for p in (home / "theirs.csv", tmp_path / "out/predictions.csv"))
    assert before["b.png"] == after["b.png"] and before["a.png"] != after["a.png"]
    asked.fails = None
    asked.clear()
    result = call(home, tmp_path / "out")
    assert result.exit_code == 0 and len(asked) == 1 and "2 of 3 radiographs were refined before" in result.stderr
    assert call(home, tmp_path / "straight").exit_code == 0
    assert content(tmp_path / "out") == content(tmp_path / "straight")
    assert "already" in str(call(home, tmp_path / "out").exception), "what is done is not done again unasked"


@pytest.mark.slow
def test_a_stopped_refinement_goes_on_and_ends_in_the_same_bytes(home, tmp_path, asked):
    asked.fails = stop_third
    stopped = call(home, tmp_path / "out")
    assert stopped.exit_code == 130 and "Run the same command to continue" in stopped.stderr
    assert not (tmp_path / "out").exists()
    asked.fails = None
    asked.clear()
    assert call(home, tmp_path / "out").exit_code == 0 and len(asked) == 1
    assert call(home, tmp_path / "straight").exit_code == 0
    assert content(tmp_path / "out") == content(tmp_path / "straight")


@pytest.mark.parametrize("more", [("--classes", "Capitate"), ("--invert", "yes")])
def test_another_question_uses_nothing_of_what_was_kept(home, tmp_path, asked, more):
    asked.fails = stop_third
    assert call(home, tmp_path / "out").exit_code == 130
    asked.fails = None
    asked.clear()
    assert call(home, tmp_path / "out", *more).exit_code == 0 and len(asked) == 3


def test_other_masks_or_another_image_are_refined_again(home, tmp_path, asked):
    import shutil

    mine = shutil.copytree(home, tmp_path / "mine")
    asked.fails = stop_third
    assert call(mine, tmp_path / "out").exit_code == 130
    lines = (mine / "theirs.csv").read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace(" 9 ", " 8 ", 1)
    (mine / "theirs.csv").write_text("".join(lines))
    cv2.imwrite(str(mine / "images/b.png"), 255 - cv2.imread(str(mine / "images/b.png")))
    asked.fails = None
    asked.clear()
    assert call(mine, tmp_path / "out").exit_code == 0 and len(asked) == 3


class NoPrompter:
    size = mask_size = 64
    encoder_id = "none"


def prompting(bones):
    settings = MethodSettings(
        refiner={}, prompt=PromptSettings(prompt=schema.Prompt(prompter={"name": "none"}, bones=bones))
    )
    return TwoStage(Stage(DiscReader(), 64), Stage(DiscReader(), 64), settings, NoPrompter())


def test_a_run_keeps_its_own_prompt_stage_for_the_bones_that_are_asked_for():
    own = prompting(("wrist", "thumb"))
    kept = refine._prompting(own, "Capitate,Radius", None)
    assert kept.prompter is own.prompter and kept.settings.prompt.prompt.bones == ("Capitate",)
    assert kept.settings.prompt.limits == own.settings.prompt.limits
    for classes, sam in (("forearm", None), ("wrist", "none")):
        without = refine._prompting(own, classes, sam)
        assert without.prompter is None and without.settings.prompt is None
    plain = replace(own, settings=own.settings.model_copy(update={"prompt": None}), prompter=None)
    assert refine._prompting(plain, "wrist", None).settings == plain.settings


def test_another_prompter_takes_its_place(monkeypatch):
    from handbone.networks import prompters

    other = NoPrompter()
    monkeypatch.setattr(prompters, "build_prompter", lambda choice, **_: other)
    monkeypatch.setattr(prompters, "choose", lambda name: schema.Choice(name=name))
    told = refine._prompting(prompting(("wrist",)), "Capitate,Lunate", "litemedsam")
    assert told.prompter is other and told.settings.prompt.prompt.bones == ("Capitate", "Lunate")
    assert told.settings.prompt.gate is None and told.settings.prompt.roi == told.settings.refiner.roi


def test_refined_masks_are_the_methods_own(home, tmp_path):
    """The command writes what `TwoStage.refine` gives, in the bones that were asked for and were taken."""
    assert call(home, tmp_path / "out", "--classes", "Capitate,Lunate").exit_code == 0
    record = json.loads((tmp_path / "out/refinement.json").read_text())
    used = {d["bone"] for d in record["images"][0]["decisions"] if d["used"]}
    method = TwoStage.from_path(home / "weights")
    theirs = dict(read_predictions(home / "theirs.csv"))["a.png"]
    image = read_image(home / "images/a.png").image
    from handbone.core.bone_probabilities import BoneProbabilities

    coarse = BoneProbabilities.from_masks(BoneMasks.from_rle(theirs, (120, 100)))
    outcome = method.refine(image, coarse, method.for_bones([NAMES.index(b) for b in ("Capitate", "Lunate")]))
    cells = outcome.final.threshold(method.threshold).to_rle()
    written = dict(read_predictions(tmp_path / "out/predictions.csv"))["a.png"]
    assert used and written == [c if name in used else t for name, c, t in zip(NAMES, cells, theirs, strict=True)]


@pytest.mark.slow
def test_two_processes_refine_to_the_same_bytes(home, tmp_path):
    for number in ("1", "2"):
        result = call(home, tmp_path / number, "--workers", number)
        assert result.exit_code == 0, result.output
    assert content(tmp_path / "1") == content(tmp_path / "2")


def test_little_is_done_before_the_first_result(home, tmp_path, monkeypatch):
    """Of a hundred images, a few are read and none is looked through; of two networks one is opened."""
    shutil.copytree(home, tmp_path / "home")
    [blob] = (tmp_path / "home" / "images").glob("a.png")
    with PredictionsWriter(tmp_path / "home" / "theirs.csv") as table:
        masks = BoneMasks.from_crops({0: (np.ones((9, 9), bool), (3, 60))}, (120, 100))
        for number in range(100):
            shutil.copy(blob, blob.with_name(f"{number:03}.png"))
            table.write(f"{number:03}.png", masks)
    done = Counter()

    def counting(module, name):
        plain = getattr(module, name)

        def counted(*given, **named):
            done[name] += 1
            return plain(*given, **named)

        monkeypatch.setattr(module, name, counted)

    def stop(*given, **named):
        raise OSError(errno.ENOSPC, "the disk is full")

    counting(refine_sources, "read_image")
    counting(raster_pages, "exif_of_png")
    counting(networks, "open_network")
    monkeypatch.setattr(StoredResults, "keep", stop)
    assert isinstance(call(tmp_path / "home", tmp_path / "out").exception, OSError)
    # The one that is refined, and those that are read meanwhile.
    assert 1 <= done["read_image"] <= 4 and done["open_network"] == 1
    assert done["exif_of_png"] <= 3 * done["read_image"]
