import shutil

import pytest

from handbone.core.errors import HandboneError, UnknownNameError
from handbone.recipe.load import load_recipe
from handbone.recipe.problems import RecipeError
from handbone.recipe.schema import ProgressiveSize, Recipe, Train
from handbone.recipe.store import builtin_recipe, builtin_recipes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, text):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    return name


@pytest.mark.parametrize("name", ["two_stage", "contest", "coarse_only", "tiny"])
def test_built_in_recipes_are_valid_and_named_after_their_files(name):
    loaded = load_recipe(name)
    assert loaded.recipe.name == name
    assert loaded.recipe.summary
    assert loaded.recipe == load_recipe(f"{name}.toml").recipe == load_recipe(builtin_recipes()[name]).recipe


def test_recipes_that_are_compared_differ_in_their_method_alone():
    folder = builtin_recipe("tiny").parent / "compare"
    loaded = {path.stem: load_recipe(path).for_synthetic() for path in folder.glob("[!_]*.toml")}
    assert len(loaded) >= 5
    first = loaded["1_single_1024"]
    for name, recipe in loaded.items():
        assert (recipe.data, recipe.synthetic, recipe.split) == (first.data, first.synthetic, first.split), name
        assert recipe.summary and recipe.coarse.weights == "zero_shot"
        trained = [network for network in (recipe.coarse, recipe.refine) if network and network.train.epochs]
        assert len(trained) == (name != "2_shipped_512"), name
        if "_seed" in name:
            twin = loaded[name.partition("_seed")[0]]
            assert recipe.seed != twin.seed
            same = {"name": twin.name, "summary": twin.summary, "seed": twin.seed}
            assert recipe.model_copy(update=same) == twin, name


def test_the_contest_recipe_has_the_contests_budget():
    train = load_recipe("contest").recipe.coarse.train
    assert (train.epochs, train.batch_size, train.lr, train.validate_every) == (60, 4, 1e-4, 5)
    assert [term.name for term in train.loss] == ["dice", "iou"]
    assert train.scheduler.name == "warm_restarts"


def test_an_empty_recipe_is_the_defaults(folder):
    assert load_recipe(write("my own.toml", "")).recipe == Recipe(name="my-own")


def test_extends_is_relative_to_its_file_and_keys_are_joined(folder):
    (folder / "deep").mkdir()
    write(
        "base.toml",
        'name = "old"\nsummary = "old"\n[coarse.train]\nepochs = 9\nlr = 1.0\n[data.class_map]\na = "Radius"',
    )
    write("deep/own.toml", 'extends = "../base.toml"\n[coarse.train]\nlr = 0.5\n[data.class_map]\nb = "Ulna"')
    loaded = load_recipe("deep/own.toml")
    assert (loaded.recipe.coarse.train.epochs, loaded.recipe.coarse.train.lr) == (9, 0.5)
    assert loaded.recipe.data.class_map == {"a": "Radius", "b": "Ulna"}
    assert [path.name for path in loaded.files] == ["own.toml", "base.toml"]
    # Its own run folder, not the base's.
    assert (loaded.recipe.name, loaded.recipe.summary) == ("own", "")


def test_a_copied_recipe_still_extends_the_built_in_one(folder):
    shutil.copy(builtin_recipe("contest"), "mine.toml")
    assert load_recipe("mine.toml").recipe.coarse == load_recipe("contest").recipe.coarse


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "a.toml"', r"a\.toml, line 1: recipes extend each other in a circle \(a\.toml -> a\.toml\)"),
        ('\nextends = "b.toml"', r"b\.toml, line 1: .* in a circle \(a\.toml -> b\.toml -> a\.toml\)"),
        (
            'extends = "tow_stage"',
            r"a\.toml, line 1: there is no recipe 'tow_stage' to extend; did you mean 'two_stage'",
        ),
        ('extends = ["b"]', r"line 1: extends takes one path"),
    ],
)
def test_extends_that_cannot_work_is_refused(folder, text, message):
    write("a.toml", text)
    write("b.toml", 'extends = "a.toml"')
    with pytest.raises(RecipeError, match=message):
        load_recipe("a.toml")


def test_a_recipe_named_like_the_built_in_one_that_it_extends_gets_a_remedy(folder):
    write("two_stage.toml", 'extends = "two_stage.toml"')
    with pytest.raises(RecipeError, match="write extends = 'two_stage' for the built-in recipe"):
        load_recipe("two_stage.toml")
    write("two_stage.toml", 'extends = "two_stage"\nseed = 3')
    assert load_recipe("two_stage.toml").recipe.seed == 3
    assert load_recipe("two_stage").recipe.seed == 7


def test_a_choice_with_a_name_starts_afresh_and_one_without_changes_the_inherited_one(folder):
    write("base.toml", '[coarse]\nmodel = { name = "unet", encoder = "resnet34", depth = 4 }')
    write("same.toml", 'extends = "base.toml"\n[coarse.model]\nencoder = "resnet18"')
    write("other.toml", 'extends = "base.toml"\n[coarse]\nmodel = "fpn"')
    same, other = load_recipe("same.toml").recipe.coarse.model, load_recipe("other.toml").recipe.coarse.model
    assert (same.name, same.settings) == ("unet", {"encoder": "resnet18", "depth": 4})
    assert (other.name, other.settings) == ("fpn", {})


def test_false_switches_off_and_true_or_a_key_on_again(folder):
    write("off.toml", "refine = false\n[coarse.train]\ngradient_clip_norm = false\nema = 0.9")
    off = load_recipe("off.toml").recipe
    assert off.refine is None and off.coarse.train.gradient_clip_norm is None and off.coarse.train.ema == 0.9
    write("on.toml", 'extends = "off.toml"\n[refine]\nsize = 256\n[coarse.train]\ngradient_clip_norm = 2\nema = false')
    on = load_recipe("on.toml").recipe
    assert on.refine.size == 256 and on.refine.bones == ("wrist",)
    assert on.coarse.train.gradient_clip_norm == 2.0 and on.coarse.train.ema is None
    write("true.toml", 'extends = "off.toml"\nrefine = true')
    assert load_recipe("true.toml").recipe.refine == Recipe(name="x").refine


def test_when_synthetic_is_laid_over_the_recipe_only_for_the_synthetic(folder):
    write(
        "base.toml",
        "[coarse.train]\nepochs = 30\n[when_synthetic.coarse.train]\nepochs = 2\n[when_synthetic.refine]\nsize = 64",
    )
    loaded = load_recipe("base.toml")
    assert loaded.recipe.coarse.train.epochs == 30
    assert loaded.for_synthetic().coarse.train.epochs == 2
    assert loaded.for_synthetic().coarse.train.lr == loaded.recipe.coarse.train.lr
    assert loaded.when_synthetic == {"coarse": {"train": {"epochs": 2}}, "refine": {"size": 64}}
    write(
        "own.toml",
        'extends = "base.toml"\nrefine = false\n[coarse.train]\nlr = 0.5\n[when_synthetic.synthetic]\ntrain = 4',
    )
    synthetic = load_recipe("own.toml").for_synthetic()
    assert (synthetic.coarse.train.epochs, synthetic.coarse.train.lr, synthetic.synthetic.train) == (2, 0.5, 4)
    assert synthetic.refine is None, "the inherited budget brought back a refiner that the recipe leaves out"


def test_mistakes_in_when_synthetic_show_at_load(folder):
    write("a.toml", "[when_synthetic.coarse.train]\nepocs = 2\n[when_synthetic]\nname = 'x'")
    with pytest.raises(RecipeError, match=r"a\.toml, line 4: 'name' cannot stand in \[when_synthetic\]"):
        load_recipe("a.toml")
    write("a.toml", "[when_synthetic.coarse.train]\nepocs = 2")
    with pytest.raises(
        RecipeError, match=r"a\.toml, line 2: unknown key 'epocs' in \[coarse.train\]; did you mean 'epochs'"
    ):
        load_recipe("a.toml")
    write("a.toml", "when_synthetic = 3")
    with pytest.raises(RecipeError, match="when_synthetic must be a table"):
        load_recipe("a.toml")


def test_overrides_win_over_files_and_synthetic_and_later_ones_over_earlier(folder):
    write("a.toml", "[coarse.train]\nepochs = 30\n[when_synthetic.coarse.train]\nepochs = 2\nlr = 0.1")
    loaded = load_recipe(
        "a.toml", ["coarse.train.epochs=3", "coarse.train.epochs=4", "when_synthetic.coarse.train.lr=0.2"]
    )
    assert loaded.recipe.coarse.train.epochs == loaded.for_synthetic().coarse.train.epochs == 4
    assert loaded.recipe.coarse.train.lr == 1e-3 and loaded.for_synthetic().coarse.train.lr == 0.2


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("data.path=/mnt/my hands", lambda r: r.data.path == "/mnt/my hands"),
        ("data.path='2024'", lambda r: r.data.path == "2024"),
        ("data.path=2024-01-01", lambda r: r.data.path == "2024-01-01"),
        ("data.path=a\nb=1", lambda r: r.data.path == "a\nb=1"),
        ('data.class_map."os capitatum"=Capitate', lambda r: r.data.class_map == {"os capitatum": "Capitate"}),
        ("coarse.train.lr=1e-4", lambda r: r.coarse.train.lr == 1e-4),
        ("coarse.train.precision=32", lambda r: r.coarse.train.precision == "32"),
        ("coarse.train.loss=dice + 0.5*bce", lambda r: [t.weight for t in r.coarse.train.loss] == [1.0, 0.5]),
        ('refine.bones=["Radius"]', lambda r: r.refine.bones == ("Radius",)),
        ("refine=false", lambda r: r.refine is None),
        ("refine=true", lambda r: r.refine.size == 512),
        ("coarse.model.name=unet", lambda r: r.coarse.model.settings["encoder"] == "tf_efficientnet_lite0"),
        ("coarse.model=unet", lambda r: r.coarse.model.settings == {}),
        ("coarse.train.scheduler.period=3", lambda r: r.coarse.train.scheduler.settings == {"period": 3}),
        ("coarse.train={epochs=4}", lambda r: r.coarse.train.epochs == 4),
        ("predict.flip_tta = true", lambda r: r.predict.flip_tta is True),
    ],
)
def test_set_words_are_toml_or_bare_text(folder, word, read):
    loaded = load_recipe(write("a.toml", ""), [word])
    assert read(loaded.recipe)
    assert any(str(origin) == f"--set {word}" for origin in loaded.sources.values())


@pytest.mark.parametrize(
    "word", ["epochs", "=3", "seed=", "a b=3", ".seed=3", "a.=3", "x\ny=3", 'refine.bones=["wrist"', 'data.path="x']
)
def test_broken_set_words_are_refused_with_what_to_write(word):
    with pytest.raises(HandboneError, match="--set") as error:
        load_recipe("tiny", [word])
    assert error.value.remedy


def test_set_can_switch_a_left_out_refiner_on_again():
    assert load_recipe("coarse_only", ["refine.size=256"]).recipe.refine.size == 256
    assert load_recipe("coarse_only", ["refine=true"]).recipe.refine is not None


def test_sources_say_file_and_line_or_word(folder):
    write("base.toml", "seed = 1\n[split]\nfolds = 3")
    write("own.toml", 'extends = "base.toml"\n[coarse.train]\nscheduler = "cosine"')
    loaded = load_recipe("own.toml", ["split.seed=5"])
    assert str(loaded.origin("seed")) == "base.toml, line 1"
    assert str(loaded.origin("split.folds")) == "base.toml, line 3"
    assert str(loaded.origin("coarse.train.scheduler.name")) == "own.toml, line 3"
    assert str(loaded.origin("split.seed")) == "--set split.seed=5"
    assert str(loaded.origin("coarse.train.epochs")) == "default"


def test_names_and_paths_that_lead_nowhere(folder):
    with pytest.raises(UnknownNameError, match="did you mean 'two_stage'"):
        load_recipe("two_stge")
    with pytest.raises(
        RecipeError, match=r"elsewhere/two_stage\.toml: there is no such file; did you mean 'two_stage'"
    ):
        load_recipe("elsewhere/two_stage.toml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed = 3\nlr = = 3\n", r"a\.toml, line 2: not valid TOML: .*column 6"),
        (b"seed = 3\nseed = 4\n", r"a\.toml, line 2: not valid TOML: cannot overwrite a value"),
        (b'name = "open', r"a\.toml.*: not valid TOML"),
        (b"name = '\xff\xfe'", r"a\.toml: this file is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_files_that_are_no_toml(folder, content, message):
    (folder / "a.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        load_recipe("a.toml")


def test_files_of_a_rois_editor_are_read(folder):
    (folder / "a.toml").write_bytes(b"\xef\xbb\xbfseed = 3\r\n[coarse]\r\nsizes = 64\r\n")
    with pytest.raises(RecipeError, match=r"a\.toml, line 3: unknown key 'sizes' in \[coarse\]; did you mean 'size'"):
        load_recipe("a.toml")


def test_every_number_of_epochs_ends_at_the_full_size():
    shares = [
        ProgressiveSize(size=64, share=0.1),
        ProgressiveSize(size=128, share=0.2),
        ProgressiveSize(size=256, share=0.6),
    ]
    assert [Train(epochs=10, progressive_resizing=shares).size_at(e, 512) for e in range(10)] == [64] + [128] * 2 + [
        256
    ] * 6 + [512]
    for epochs in range(1, 40):
        sizes = [Train(epochs=epochs, progressive_resizing=shares).size_at(e, 512) for e in range(epochs)]
        assert sizes == sorted(sizes)
        assert sizes[-1] == 512
