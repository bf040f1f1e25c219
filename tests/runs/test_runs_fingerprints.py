"""A changed key or file does the steps again that declare it, and what is made from them; and no others."""

import os
import shutil
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
from data_toys import write_hand
from pydantic import BaseModel
from runs_declared import KEYS, changed, downstream, everything, marks
from training_small import SmallPlugin

from handbone.core import digests
from handbone.core.samples import Sample
from handbone.data.dataset import Dataset, open_dataset
from handbone.plugins import registry
from handbone.plugins.manager import PluginManager
from handbone.recipe.keys import UndeclaredError, covers, only, value_of
from handbone.recipe.schema import Choice, Data, Recipe
from handbone.runs.context import Context
from handbone.runs.engine import Run
from handbone.runs.folder import RunFolder
from handbone.runs.step import DATA_KEYS
from handbone.runs.steps.order import STEPS

#: Read by no step that makes anything but the page, which shows the whole recipe.
SHOWN_ALONE = {
    "name", "summary", "data.path", "data.cache", "report.worst", "report.best", "report.image_size",
    *(f"{network}.train.{key}" for network in ("coarse", "refine") for key in
      ("workers", "devices", "nodes", "strategy", "loggers")),
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with files to name, and a cache of its own."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HANDBONE_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def own(place) -> Dataset:
    """Own radiographs: three patients to train and validate with, one to test with."""
    for patient_id in ("ID001", "ID002", "ID003"):
        write_hand(place / "data", "train", patient_id, f"image_{patient_id}")
    write_hand(place / "data", "test", "ID040", "image_test", labelled=False)
    return open_dataset(Data(path=str(place / "data")))


def ready_made(recipe: Recipe) -> Recipe:
    """The same with both networks' weights as they are."""
    return changed(changed(recipe, "coarse.train.epochs", 0), "refine.train.epochs", 0)


def redone(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def every_key_of(model: type[BaseModel], value: BaseModel, path: str = "") -> set[str]:
    """The keys as they are found by going through a whole recipe, apart from the list that is tested."""
    found = set()
    for name in type(value).model_fields:
        inner = getattr(value, name)
        is_table = isinstance(inner, BaseModel) and not isinstance(inner, Choice)
        found |= every_key_of(type(inner), inner, f"{path}{name}.") if is_table else {path + name}
    return found


def test_every_key_of_the_schema_is_walked(place):
    assert set(KEYS) == every_key_of(Recipe, everything(place)) and len(KEYS) > 150


@pytest.mark.parametrize("variant", ["synthetic, trained", "own, trained", "own, ready-made"])
def test_a_key_redoes_the_steps_that_declare_it_and_what_follows_from_them(place, own, variant):
    recipe, dataset = everything(place), own if "own" in variant else None
    if "ready-made" in variant:
        recipe = ready_made(recipe)
    run = Run(recipe, RunFolder(place / "run"), dataset is None, dataset)
    before, walked = marks(recipe, place, dataset), set()
    assert {step.name for step in STEPS} - before.keys() == ({"synthetic"} if dataset else set())
    for key in set(KEYS) - {"coarse.train.epochs", "refine.train.epochs", "merge.gate"}:
        first = {step.name for step in run.steps if key in step.counted}
        if dataset is not None and key in DATA_KEYS:
            first.add("data")
        after = marks(changed(recipe, key), place, dataset)
        assert redone(before, after) == downstream(run.steps, first), key
        walked.add(key)
    assert len(walked) == len(KEYS) - 3


def test_what_counts_for_nothing_but_the_page_is_this_and_no_more():
    made = [step for step in STEPS if step.name != "report"]
    unread = {key for key in KEYS if not any(key in step.counted for step in made)} - set(DATA_KEYS)
    assert unread == SHOWN_ALONE


def test_declared_names_are_keys_and_earlier_steps():
    seen = {"data"}
    for step in STEPS:
        for name in (*step.reads, *step.ignores):
            assert any(covers([name], key) for key in KEYS), f"{step.name}: {name} is not a key"
        assert set(step.inputs) <= seen, step.name
        seen.add(step.name)


@pytest.mark.parametrize(
    ("key", "before", "after", "first"),
    [
        ("coarse.train.epochs", 3, 4, {"coarse"}),
        ("refine.train.epochs", 3, 4, {"refiner"}),
        ("coarse.train.epochs", 3, 0, {"coarse"}),
        ("merge.gate", "calibrated", "limits", {"calibration", "predictions"}),
    ],
)
def test_keys_that_decide_which_steps_there_are(place, own, key, before, after, first):
    recipe = changed(everything(place), "predict.calibrate", 0)
    one, other = (marks(changed(recipe, key, value), place, own) for value in (before, after))
    assert {name for name in other if one.get(name) != other[name]} == downstream(STEPS, first) & other.keys()


# What each file is to redo, said here once more by hand.
LAST = {"calibration", "predictions", "evaluation", "report"}
FILES = {
    "coarse.safetensors": {"coarse", "frames", "refiner", "prompter", *LAST},
    "refiner.safetensors": {"refiner", *LAST},
    "encoder.safetensors": {"coarse", "frames", "refiner", "prompter", *LAST},
    "sam.safetensors": {"prompter", *LAST},
    "prior.safetensors": LAST,
}


def rewrite(path: Path) -> None:
    """Another content of the same length, in place, under the same times."""
    stat, content = path.stat(), path.read_bytes()
    time.sleep(0.02)  # longer than a tick of the file system's clock
    with open(path, "r+b") as file:
        file.seek(len(content) // 2)
        file.write(bytes([content[len(content) // 2] ^ 1]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    now = path.stat()
    assert (now.st_ino, now.st_size, now.st_mtime_ns) == (stat.st_ino, stat.st_size, stat.st_mtime_ns)


@pytest.fixture
def at_once(monkeypatch):
    """Digests are remembered at once, also of files that are new."""
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**18))


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("trained", [True, False])
def test_the_content_of_a_file_that_a_key_names_counts(place, own, at_once, file, trained):
    recipe = everything(place) if trained else ready_made(everything(place))
    before = marks(recipe, place, own)
    assert marks(recipe, place, own) == before
    rewrite(place / file)
    assert redone(before, marks(recipe, place, own)) == FILES[file]


def test_every_key_that_names_a_file_is_among_these(place):
    recipe = everything(place)
    named = {key for key in KEYS if ".safetensors" in str(value_of(recipe, key))}
    assert named == {
        "coarse.model", "coarse.weights", "refine.model", "refine.weights", "prompt.prompter", "predict.prior",
    }  # fmt: skip


def test_every_file_of_the_data_counts_also_when_it_is_changed_in_place(place, own, at_once):
    recipe = everything(place)
    files = {path for sample in own.samples for path in (sample.image, sample.annotation) if path is not None}
    assert len(files) == 7
    everywhere = marks(recipe, place, own).keys()
    for file in sorted(files):
        before = marks(recipe, place, own)
        rewrite(file)
        assert redone(before, marks(recipe, place, own)) == everywhere, file


def test_weights_that_are_taken_as_they_are_do_not_depend_on_the_data(place, own):
    recipe = ready_made(everything(place))
    before = marks(recipe, place, own)
    rewrite(own.samples[0].image)
    assert redone(before, marks(recipe, place, own)) == before.keys() - {"coarse", "refiner"}


def test_a_radiograph_that_is_moved_to_another_patient_counts(place):
    root = place / "moved"
    first = write_hand(root, "train", "ID001", "image_a")
    write_hand(root, "train", "ID002", "image_b")
    recipe = everything(place)
    before = marks(recipe, place, open_dataset(Data(path=str(root))))
    for path in (first, root / "train" / "outputs_json" / "ID001" / "image_a.json"):
        target = path.parents[1] / "ID002" / path.name
        path.rename(target)
    assert "images" in redone(before, marks(recipe, place, open_dataset(Data(path=str(root)))))


def test_a_copied_data_set_is_the_same(place, own, tmp_path):
    shutil.copytree(own.root, tmp_path / "copy")
    copy = open_dataset(Data(path=str(tmp_path / "copy")))
    assert marks(everything(place), place, own) == marks(everything(place), place, copy)


def test_all_that_is_known_of_a_sample_counts(place, own):
    before = marks(everything(place), place, own)
    for field in fields(Sample):
        if field.name in ("image", "annotation"):
            continue
        first = replace(own.samples[0], **{field.name: "changed"})
        other = replace(own, samples=(first, *own.samples[1:]))
        assert "images" in redone(before, marks(everything(place), place, other)), field.name


@pytest.mark.parametrize(
    ("change", "first"),
    [
        # A prompted stage without a refiner has the ROI of [roi].
        ({"refine": None, "roi.size_px": 700.0}, {"prompter", "calibration", "predictions"}),
        # Whether a refiner knows both sides stands in the card of its weights, trained here or not.
        ({"refine.train.epochs": 0, "refine.augment.flip": 0.0}, {"calibration", "predictions"}),
        ({"predict.precision": "32"}, {"frames", "calibration", "predictions"}),
    ],
)
def test_gaps_that_were_once_there(place, own, change, first):
    (key, value), recipe = list(change.items())[-1], everything(place)
    for name, other in list(change.items())[:-1]:
        recipe = recipe.model_copy(update={name: None}) if other is None else changed(recipe, name, other)
    run = Run(recipe, RunFolder(place / "run"), False, own)
    one, other = marks(recipe, place, own), marks(changed(recipe, key, value), place, own)
    assert redone(one, other) == downstream(run.steps, first)


def test_the_version_of_a_plugin_that_takes_part_counts(place, own, monkeypatch):
    def marks_with(version: str) -> dict[str, str]:
        manager = PluginManager(entry_points=False)
        manager.register(SmallPlugin(), package="theirs", version=version)
        for module in ("fingerprints", "data_digest"):
            monkeypatch.setattr(f"handbone.runs.{module}.registry", lambda: manager)
        return marks(changed(everything(place), "refine.model", Choice(name="small")), place, own)

    assert "theirs" not in registry().loaded
    assert redone(marks_with("1.0"), marks_with("1.1")) == {"refiner", *LAST}


def test_a_step_sees_the_keys_that_it_declares_and_no_other(place):
    recipe = everything(place)
    seen = only(recipe, ["seed", "roi.size_px", "refine", "coarse.train.lr"])
    assert seen.seed == recipe.seed and seen.roi.size_px == 512 and seen.coarse.train.lr == recipe.coarse.train.lr
    assert seen.refine is recipe.refine, "a table that is declared whole is the recipe's own"
    for asked in ("seen.merge", "seen.roi.jitter", "seen.coarse.train.epochs", "seen.coarse.size", "seen.name"):
        with pytest.raises(UndeclaredError, match=asked.removeprefix("seen.")):
            eval(asked)
    with pytest.raises(AttributeError):
        _ = seen.nothing
    assert only(recipe.model_copy(update={"refine": None}), ["refine.bones"]).refine is None
    assert only(recipe, Recipe.model_fields) is recipe


def test_a_step_sees_the_inputs_that_it_declares_and_no_other(tmp_path, own):
    whole = Context(Recipe(name="r"), RunFolder(tmp_path), False, own)
    part = whole.narrowed("refiner", reads=("seed",), inputs=("coarse",))
    assert part.step("coarse") == whole.step("coarse") and not part.has("coarse")
    for ask in (
        lambda: part.step("frames"), lambda: part.read("frames", "errors.json"), lambda: part.find("frames", "a"),
        lambda: part.dataset, lambda: part.cache, lambda: part.synthetic, lambda: part.splits, lambda: part.folder,
        lambda: part.seconds("frames"), lambda: part.recipe.name,
    ):  # fmt: skip
        with pytest.raises(UndeclaredError, match=r"the step 'refiner' asks|'name' is not declared"):
            ask()
    with_data = whole.narrowed("coarse", reads=(), inputs=("data",))
    assert with_data.dataset is own and with_data.synthetic is False and with_data.cache is whole.cache


def test_a_step_of_an_earlier_recipe_is_no_part_of_the_run(tmp_path, own):
    (tmp_path / "steps" / "calibration").mkdir(parents=True)
    (tmp_path / "steps" / "calibration" / "gate.json").write_text("{}")
    run = Run(Recipe(name="r"), RunFolder(tmp_path), False, own)
    assert run.context().find("calibration", "gate.json") is None
    assert Context(Recipe(name="r"), RunFolder(tmp_path), False, own).find("calibration", "gate.json") == {}
