"""Recipes, words of --set, and the headers of weights files."""

import json
import struct

import pytest
from fuzzing import CHANCES, Corpus, campaign, edit_json, edited_bytes, refused_or_read
from hypothesis import example, given
from weights_small import save

from handbone.recipe.load import load_recipe
from handbone.recipe.overrides import parse_override
from handbone.recipe.store import builtin_recipes
from handbone.weights.network_file import load_weights, read_card

pytestmark = pytest.mark.slow

RECIPES = Corpus.of("recipe", (path.read_bytes() for path in builtin_recipes().values()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@campaign("recipe")
@given(data=edited_bytes(RECIPES))
@example(data=b"a = " + b"[" * 100_000)
@example(data=b"[" + b"a." * 60_000 + b"a]")
@example(data=b"a = 1" + b"0" * 5000)
@example(data=b"".join(b"k%d = 1\n" % i for i in range(10_000)))
def test_recipes(folder, data):
    path = folder / "r.toml"
    path.write_bytes(data)
    with refused_or_read(path):
        load_recipe(path)


WORDS = Corpus.of(
    "set",
    [b"coarse.train.epochs=3", b'refine.bones=["wrist"]', b"data.class_map={a='Lunate'}", b"when_synthetic.seed=1"],
)


@campaign("set")
@given(text=edited_bytes(WORDS).map(lambda data: data.decode("utf-8", "surrogateescape")))
@example(text="seed=" + "[" * 20_000)
@example(text="a." * 20_000 + "a=1")
@example(text="seed=" + "9" * 5000)
@example(text="data.class_map=>\x0c@{a='Lun" + "[" * 400_000)
@example(text="data.class_map=>\x0c@{a='Lun" + "[" * 100_000)
def test_words_of_set(text):
    with refused_or_read(text):
        parse_override(text)
        load_recipe("tiny", [text])


@pytest.fixture(scope="module")
def weights(folder):
    return save(folder / "w.safetensors", "coarse")


@campaign("weights")
@given(rng=CHANCES)
def test_headers_of_weights_files(folder, weights, rng):
    good = weights.read_bytes()
    length = struct.unpack("<Q", good[:8])[0]
    header = json.loads(good[8 : 8 + length])
    if rng.randrange(2):
        card = json.loads(header["__metadata__"]["handbone"])
        header["__metadata__"]["handbone"] = json.dumps(edit_json(rng, [card]))
    else:
        header = edit_json(rng, [header])
    text = json.dumps(header).encode()
    size = rng.choice([len(text), len(text), len(text), len(text) - 1, 0, 2**40, 2**63])
    path = folder / "edited.safetensors"
    path.write_bytes(struct.pack("<Q", size) + text + good[8 + length :])
    with refused_or_read(path):
        read_card(path)
        load_weights(path)
