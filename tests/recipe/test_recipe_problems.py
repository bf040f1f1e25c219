import pytest

from handbone.recipe.load import load_recipe
from handbone.recipe.problems import RecipeError


@pytest.fixture
def mistakes(tmp_path, monkeypatch):
    """The messages for a recipe's text, without the file's name."""
    monkeypatch.chdir(tmp_path)

    def read(text, *overrides):
        (tmp_path / "a.toml").write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError) as error:
            load_recipe("a.toml", overrides)
        assert all(str(problem) in str(error.value) for problem in error.value.problems)
        return [str(problem).replace("a.toml, ", "") for problem in error.value.problems]

    return read


def test_all_mistakes_at_once_in_the_order_of_the_file(mistakes):
    text = """
[coarse.train]
epoch = 3
batch_size = "4"
gradient_clip_norm = -1
progressive_resizing = [{ size = 512, share = 0.1 },
        { size = 100, shares = 0.2 }]
devices = 0
[predict]
precision = "bf17"
[refine]
bones = ["carpal"]
"""
    assert mistakes(text) == [
        "line 3: unknown key 'epoch' in [coarse.train]; did you mean 'epochs'?",
        'line 4: coarse.train.batch_size must be a whole number, at least 1, but is "4"',
        "line 5: coarse.train.gradient_clip_norm must be a number, above 0, or false to turn it off, but is -1",
        "line 7: coarse.train.progressive_resizing[1].size must be a whole number from 32 to 4096, in steps of 32, "
        "but is 100",
        "line 7: the key 'share' is missing in [coarse.train.progressive_resizing[1]]",
        "line 7: unknown key 'shares' in [coarse.train.progressive_resizing[1]]; did you mean 'share'?",
        'line 8: coarse.train.devices must be a whole number, at least 1, or "auto", but is 0',
        'line 10: predict.precision must be "auto" or "32" or "bf16", but is "bf17"; did you mean \'bf16\'?',
        "line 12: refine.bones: unknown bone or group 'carpal'; did you mean 'carpals'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 3", "line 1: unknown key 'sede'; did you mean 'seed'?"),
        ("extend = 'a'", "line 1: unknown key 'extend'; did you mean 'extends'?"),
        ("epochs = 3", "unknown key 'epochs'; did you mean 'coarse.train.epochs' or 'refine.train.epochs' or 'prompt"),
        ("[optimiser]\nname = 'adam'", "did you mean 'coarse.train.optimiser' or 'refine.train.optimiser'?"),
        ("[split]\nqqq = 3", "unknown key 'qqq' in [split]; choose one of: fold, folds, seed"),
        ("coarse = 3", "coarse must be a table with size, model, weights, train, augment, but is 3"),
        ("coarse = true", "coarse must be a table with size, model, weights, train, augment, but is true"),
        ("[coarse]\nmodel = true", "coarse.model must be a name, or table with name and settings, but is true"),
        ("refine = 0", "refine must be a table with"),
        ("[data]\npath = 3", "data.path must be text, but is 3"),
        ("[coarse]\nsize = true", "but is true"),
        ("[coarse.train]\nlr = inf", "coarse.train.lr must be a number, above 0, but is inf"),
        ("[coarse.train]\nlr = 1979-05-27", "but is 1979-05-27"),
        ("[predict]\nflip_tta = 1", "predict.flip_tta must be true or false, but is 1"),
        ("[refine]\nbones = []", "refine.bones must be a list of: text, but is []"),
        ("[coarse.train]\nloss = 'dice + x * bce'", "cannot read the loss term 'x * bce'"),
        ("[coarse.train]\nloss = [{ weight = 1 }]", "the key 'name' is missing in [coarse.train.loss[0]]"),
        ("[coarse]\nmodel = 3", "coarse.model must be a name, or table with name and settings, but is 3"),
        ("[split]\nfold = 5", "line 1: split: fold 5 does not exist"),
        (
            "[coarse.train]\nprogressive_resizing = [{ size = 64, share = 0.5 }, { size = 96, share = 0.5 }]",
            "line 1: coarse.train: the shares of progressive_resizing add up to 1 and",
        ),
        (
            "[refine]\nsize = 64\ntrain.progressive_resizing = [{ size = 64, share = 0.3 }]",
            "must be below the size 64",
        ),
        ("[merge]\narea_ratio = [2, 1]", "merge.area_ratio: needs two numbers, the smaller one first"),
        ("[roi]\nanchors = ['hand']", "roi.anchors: unknown bone or group 'hand'"),
        ("[data.class_map]\na = 'capitate'", "unknown bone 'capitate'; did you mean 'Capitate'?"),
        ("name = 'a/b'", "name is 'a/b'; use letters, digits"),
    ],
)
def test_one_mistake_reads_as_one_sentence(mistakes, text, message):
    [found] = mistakes(text)
    assert message in found


def test_words_of_the_command_line_are_blamed_for_their_own_mistakes(mistakes):
    assert mistakes("seed = 1", "train.epochs=3", "seed=x") == [
        '--set seed=x: seed must be a whole number from 0 to 4294967295, but is "x"',
        "--set train.epochs=3: unknown key 'train'; "
        "did you mean 'coarse.train' or 'refine.train' or 'synthetic.train'?",
    ]
    folds = "[split]\nfold = 2"
    assert mistakes(folds, "split.folds=2") == [
        "--set split.folds=2: split: fold 2 does not exist: 2 folds are numbered 0 to 1"
    ]


def test_a_mistake_in_an_extended_file_names_that_file(mistakes, tmp_path):
    (tmp_path / "base.toml").write_text("\n[split]\nfols = 3", encoding="utf-8")
    assert mistakes('extends = "base.toml"') == [
        "base.toml, line 3: unknown key 'fols' in [split]; did you mean 'folds'?"
    ]
