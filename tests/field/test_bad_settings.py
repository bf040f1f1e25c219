"""Recipes, settings, weights, plugins and folders of results that cannot be used, through every command they concern."""
# ruff: noqa: E501 (a kind is read best in one line)

import json
import os
import struct
from pathlib import Path

import pytest
from bad_input import Bad
from cli_small import draw_image, save_seeing

_DRY = "run r.toml --dry-run"
_TINY = 'extends = "tiny"\nname = "mine"\n'


def _recipe(text, *, name="r.toml"):
    def make(folder: Path):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def _extended(text):
    return _recipe(_TINY + text)


#: Text of a recipe, and what is said of it.
RECIPES = {
    "half a table": ("[coarse\n", ("r.toml", "line 1")),
    "a value without a key": ("= 3", ("r.toml", "line 1")),
    "a word without quotes": ("name = mine", ("r.toml", "line 1")),
    "a key twice": ("seed = 1\nseed = 2\n", ("r.toml", "line 2")),
    "bytes that are no text": (b"\xff\xfe\xff", ("r.toml",)),
    "Python": ("import os\n", ("r.toml",)),
    "YAML": ("coarse:\n  size: 512\n", ("r.toml",)),
    "JSON": ('{"seed": 1}', ("r.toml",)),
    "brackets": ("a = " + "[" * 100_000, ("r.toml",)),
    "two million letters": ("# " + "x" * 2_000_000, ("r.toml",)),
    "an unknown key": (_TINY + "epoch = 3\n", ("r.toml", "epoch")),
    "an unknown table": (_TINY + "[corse]\nsize = 3\n", ("corse", "coarse")),
    "an old key": (_TINY + "[coarse.train]\nrise = 1\n", ("rise", "progressive_resizing")),
    "a text for a number": (_TINY + 'seed = "one"\n', ("seed",)),
    "a number for a text": ('extends = "tiny"\nname = 3\n', ("name",)),
    "part of an epoch": (_TINY + "[coarse.train]\nepochs = 1.5\n", ("epochs",)),
    "a negative size": (_TINY + "[coarse]\nsize = -1\n", ("size",)),
    "a number of 400 digits": (_TINY + f"seed = {'9' * 400}\n", ("r.toml", "64 bits")),
    "a seed of 33 bits": (_TINY + "seed = 4294967296\n", ("seed",)),
    "not a number": (_TINY + "[predict]\nthreshold = nan\n", ("threshold",)),
    "infinity": (_TINY + "[coarse.train]\nlr = inf\n", ("lr",)),
    "a threshold of two": (_TINY + "[predict]\nthreshold = 2\n", ("threshold",)),
    "an unknown network": (_TINY + '[coarse]\nmodel = { name = "skynet" }\n', ("skynet",)),
    "an unknown encoder": (_TINY + '[coarse]\nmodel = { name = "unet", encoder = "resnet0", encoder_weights = "none" }\n', ("resnet0",)),
    "an unknown setting of a network": (_TINY + '[coarse]\nmodel = { name = "unet", colour = 1 }\n', ("colour",)),
    "an unknown loss": (_TINY + '[[coarse.train.loss]]\nname = "luck"\n', ("luck",)),
    "an unknown optimiser": (_TINY + '[coarse.train]\noptimiser = { name = "luck" }\n', ("luck",)),
    "an unknown layout": (_TINY + '[data]\nlayout = "yolo"\n', ("yolo",)),
    "a fold that is not there": (_TINY + "[split]\nfolds = 2\nfold = 7\n", ("fold",)),
    "a recipe that extends itself": ('extends = "r.toml"\n', ("r.toml", "extend each other")),
    "a recipe that extends nothing": ('extends = "none.toml"\n', ("none.toml",)),
    "a name that leaves the folder": ('extends = "tiny"\nname = "../../etc"\n', ("name",)),
    "an empty name": ('extends = "tiny"\nname = ""\n', ("name",)),
    "data that is not there": (_TINY + '[data]\npath = "none"\n', ("none",)),
    "start weights that are not there": (_TINY + '[coarse]\nweights = "none.safetensors"\n', ("none.safetensors",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", RECIPES)
def test_a_recipe_of_no_use_is_said_before_any_work(kind, try_bad):
    text, says = RECIPES[kind]
    try_bad(Bad(_DRY, _recipe(text), says))


#: What `--set` is given.
WORDS = {
    "no value": ("seed", ("seed",)),
    "no key": ("=3", ("=3",)),
    "an unknown key": ("sede=3", ("sede", "seed")),
    "a key below a value": ("seed.more=3", ("seed",)),
    "a table for a value": ("coarse=3", ("coarse",)),
    "a text for a number": ("seed=three", ("seed",)),
    "half a list": ("coarse.train.loss=[1,", ("coarse.train.loss",)),
    "20,000 brackets": ("seed=" + "[" * 20_000, ("seed",)),
    "a key of 20,000 parts": ("a." * 20_000 + "a=1", ("--set",)),
    "5000 digits": ("seed=" + "9" * 5000, ("seed",)),
    "a negative number of epochs": ("coarse.train.epochs=-1", ("coarse.train.epochs",)),
    "an empty key": ("coarse..size=3", ("coarse..size",)),
    "full-width digits": ("seed=３", ("seed",)),
}


@pytest.mark.parametrize("kind", WORDS)
def test_words_of_set_are_said_before_any_work(kind, try_bad):
    word, says = WORDS[kind]
    try_bad(Bad(f"run tiny --dry-run --set {word}", says=says))


def _weights(content: bytes, name="w.safetensors"):
    def make(folder: Path):
        draw_image(folder / "a.png")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return make


def _headed(header: bytes, *, length=None, data=b""):
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def _carded(card, **tensors):
    header = {"__metadata__": {"handbone": card if isinstance(card, str) else json.dumps(card)}, **tensors}
    return _headed(json.dumps(header).encode(), data=bytes(16))


def _cut(folder: Path):
    draw_image(folder / "a.png")
    path = save_seeing(folder / "w.safetensors")
    path.write_bytes(path.read_bytes()[:-1000])


_MODEL = {
    "name": "unet",
    "encoder": "test_efficientnet",
    "encoder_depth": 3,
    "encoder_weights": None,
    "options": {"decoder_channels": [8, 8, 8]},
}
_CARD = {"model": _MODEL, "in_channels": 1, "size": 64, "stage": "coarse"}
_TENSOR = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
#: Files given as weights.
WEIGHTS = {
    "an empty file": _weights(b""),
    "a text": _weights(b"weights\n"),
    "a pickle": _weights(b"\x80\x04\x95\x10\0\0\0\0\0\0\0"),
    "a torch archive": _weights(b"PK\x03\x04" + bytes(100)),
    "a header of 2^60 bytes": _weights(_headed(b"{}", length=1 << 60)),
    "a header of broken JSON": _weights(_headed(b"{{{{")),
    "a header of brackets": _weights(_headed(b"[" * 100_000)),
    "no card": _weights(_headed(json.dumps({"a": _TENSOR}).encode(), data=bytes(16))),
    "a card of broken JSON": _weights(_carded("{", a=_TENSOR)),
    "a card that is a list": _weights(_carded([1], a=_TENSOR)),
    "a card without a network": _weights(_carded({"size": 64}, a=_TENSOR)),
    "a card of an unknown network": _weights(_carded(_CARD | {"model": {"name": "skynet"}}, a=_TENSOR)),
    "a card of a plugin's network": _weights(_carded(_CARD | {"model": {"name": "theirs"}, "plugin": {"package": "handbone-theirs", "version": "1", "module": "theirs"}}, a=_TENSOR)),
    "a card of another stage": _weights(_carded(_CARD | {"stage": "middle"}, a=_TENSOR)),
    "a card of no channels": _weights(_carded(_CARD | {"in_channels": 0}, a=_TENSOR)),
    "a card of a huge grid": _weights(_carded(_CARD | {"size": 10**9}, a=_TENSOR)),
    "a card of a huge network": _weights(_carded(_CARD | {"in_channels": 10**9}, a=_TENSOR)),
    "a card of other bones": _weights(_carded(_CARD | {"bones": ["Skull"]}, a=_TENSOR)),
    "tensors of another network": _weights(_carded(_CARD, a=_TENSOR)),
    "a file that is cut": _cut,
}  # fmt: skip


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_of_no_use_are_said_before_any_work(kind, try_bad):
    try_bad(Bad("predict a.png -w w.safetensors -o out", WEIGHTS[kind], ("w.safetensors",)))


def _drawn(folder: Path):
    draw_image(folder / "a.png")


def _outcome(make_more):
    def make(folder: Path):
        _drawn(folder)
        make_more(folder)

    return make


def _linked_to_itself(folder: Path):
    os.symlink(folder / "out", folder / "out")


def _foreign_results(folder: Path):
    (folder / "out").mkdir()
    (folder / "out" / ".handbone.json").write_text(
        json.dumps({"schema": "handbone.written/1", "what": "measurements", "files": {}})
    )


def _two(*names):
    def make(folder: Path):
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(_TINY)

    return make


_GO = "predict a.png -w {weights} -o"
#: Other calls.
CALLS = {
    "weights of no name": Bad("predict a.png -w nobody -o out", _drawn, ("nobody",)),
    "a folder without weights": Bad("predict a.png -w e -o out", _outcome(lambda f: (f / "e").mkdir()), ("e",)),
    "an image for weights": Bad("predict a.png -w a.png -o out", _drawn, ("a.png",)),
    "weights of a name that climbs": Bad("weights info ../x", says=("../x",)),
    "weights that nobody has": Bad("weights info nobody", says=("nobody",)),
    "weights from an http address": Bad("weights fetch http://127.0.0.1:9/w.zip --sha256 " + "0" * 64, says=("https",), has_json=False),
    "weights from a file scheme": Bad("weights fetch file:///w.zip --sha256 " + "0" * 64, says=("https",), has_json=False),
    "a sum of letters": Bad("weights fetch w.zip --sha256 sum", _weights(b"PK\x03\x04", "w.zip"), ("sum",), has_json=False),
    "another sum": Bad("weights fetch w.zip --sha256 " + "0" * 64, _weights(b"PK\x03\x04", "w.zip"), ("w.zip", "sha256"), has_json=False),
    "a run that is none to pack": Bad("weights pack e out --name mine", lambda f: (f / "e").mkdir(), ("e",), has_json=False),
    "a name of blanks to pack": Bad("weights pack e out --name ../x", lambda f: (f / "e").mkdir(), ("../x",), has_json=False),
    "a result in a file": Bad(f"{_GO} a.png", _drawn, ("a.png",)),
    "a result below a file": Bad(f"{_GO} a.png/out", _drawn, ("a.png",)),
    "a result in a link that goes round": Bad(f"{_GO} out", _outcome(_linked_to_itself), ("out",)),
    "another command's results": Bad(f"{_GO} out", _outcome(_foreign_results), ("out", "measurements")),
    "another command's results, overwritten": Bad(f"{_GO} out --overwrite", _outcome(_foreign_results), ("out", "measurements")),
    "a user's table in the way": Bad(f"{_GO} .", _outcome(lambda f: (f / "predictions.csv").write_text("mine")), ("predictions.csv",)),
    "a name of 300 letters": Bad(f"{_GO} {'x' * 300}", _drawn, ("xxx",)),
    "an unknown recipe": Bad("run nobody --dry-run", says=("nobody",)),
    "a folder for a recipe": Bad("run e --dry-run", lambda f: (f / "e").mkdir(), ("e",)),
    "an image for a recipe": Bad("run a.png --dry-run", _drawn, ("a.png",)),
    "a run in a file": Bad("run tiny -o a.png", _drawn, ("a.png",)),
    "no recipe": Bad("run", says=("recipe",), code=2),
    "a recipe to show that is none": Bad("recipes show nobody", says=("nobody",)),
    "a recipe to copy that is none": Bad("recipes copy nobody", says=("nobody",), has_json=False),
    "a copy over a file": Bad("recipes copy tiny -o a.png", _drawn, ("a.png", "--overwrite"), has_json=False),
    "a recipe to check that is wrong": Bad("recipes validate r.toml", _extended("epoch = 3\n"), ("epoch",)),
    "recipes of one name": Bad("compare a b --dry-run", _two("a/r.toml", "b/r.toml"), ("'r'", "rename")),
    "a folder without recipes": Bad("compare e --dry-run", lambda f: (f / "e").mkdir(), ("e", "no recipes")),
    "recipes of one seed": Bad("compare r.toml r_seed2.toml --dry-run", _two("r.toml", "r_seed2.toml"), ("same seed",)),
    "radiographs to adapt to that are none": Bad("adapt e -o out -w {weights}", lambda f: (f / "e").mkdir(), ("no radiograph",)),
    "no step to adapt in": Bad("adapt a.png -o out -w {weights} --steps 0", _drawn, ("--steps",), 2),
    "an unknown command": Bad("outline a.png", _drawn, ("outline",), 2),
    "an unknown command of a command": Bad("data mend a.png", _drawn, ("mend",), 2),
    "an unknown plugin": Bad("plugins info nobody", says=("nobody",)),
    "a plugin to disable that is none": Bad("plugins disable nobody", says=("nobody",)),
    "a plugin to enable that is none": Bad("plugins enable nobody", says=("nobody",)),
    "a package that is no plugin": Bad("plugins remove numpy -y", says=("numpy",)),
    "a plugin's folder without a package": Bad("plugins check e", lambda f: (f / "e").mkdir(), ("e",)),
    "a name for a plugin that is none": Bad("plugins new ../x", says=("../x",)),
    "a plugin where one lies": Bad("plugins new handbone-mine", lambda f: (f / "handbone-mine").mkdir() or (f / "handbone-mine/a").write_text("x"), ("handbone-mine",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_that_cannot_be_met_makes_nothing(kind, try_bad):
    try_bad(CALLS[kind])
