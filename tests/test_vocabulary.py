"""The field's terms stay: words that they took the place of do not come back into code, recipe keys or messages."""

import re
from pathlib import Path

import pytest

from handbone.recipe import reference
from handbone.recipe.load import load_recipe
from handbone.recipe.old_keys import OLD_KEYS
from handbone.recipe.problems import RecipeError

ROOT = Path(__file__).parents[1]
# They name the old words on purpose.
ALLOWED = {"handbone/recipe/old_keys.py", "tests/test_vocabulary.py", "CHANGELOG.md"}
FILES = [
    path
    for folder in ("handbone", "plugins", "recipes", "tests", "docs", "README.md", "CONTRIBUTING.md")
    for path in ([ROOT / folder] if (ROOT / folder).is_file() else sorted((ROOT / folder).rglob("*")))
    if path.suffix in (".py", ".toml", ".md", ".jinja")
    and not any(part.startswith((".", "build")) for part in path.parts)
]
OLD_WORDS = (
    "phantoms?", "when_phantom", "Phantom", "pictures?", "keep_norm", "roam", "roams", "straying", "unit_px", "tidy",
    "whole_file", "whole_folder", "either_side(?!_up)", "take_over", "from_rings", "wakes", "FrameDecision",
    "wrist_frame", "PersonBootstrap", "(?<!ground_)truth_area", "prediction_mark", "is no JSON",
    "further (?:metrics|figures)", "[Ss]poil(?:s|t|ed|ing)?", "standard[_ ]pose", "mean_of_readings",
    "close reading", "HARM", "harms?", "Trials?", "spelled_out", "by heart", "what shows the same", "drawn hands?",
    "a figure of each",
    "[Oo]ne (?:PNG |annotation |entry |(?:text )?file |row |piece )?an? (?:line|image|bone|hand|measure)",
)  # fmt: skip


@pytest.mark.parametrize("word", OLD_WORDS)
def test_old_words_do_not_come_back(word):
    pattern = re.compile(rf"(?<![A-Za-z]){word}(?![A-Za-z])")
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{number}: {line.strip()}"
        for path in FILES
        if path.relative_to(ROOT).as_posix() not in ALLOWED
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_no_recipe_key_has_an_old_name():
    keys = {key.name for section in reference.sections() for key in section.keys}
    assert not keys & set(OLD_KEYS) and set(OLD_KEYS.values()) - {"roi", "synthetic", "when_synthetic"} <= keys


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[coarse.train]\nrise = []",
            "line 2: unknown key 'rise' in [coarse.train]; did you mean 'progressive_resizing'?",
        ),
        ("[refine]\nroam = 0.4", "line 2: unknown key 'roam' in [refine]; did you mean 'random_roi_probability'?"),
        ("[roi]\nwindow = 512", "line 2: unknown key 'window' in [roi]; did you mean 'size_px'?"),
        ("[crop]\nwindow = 512", "line 1: unknown key 'crop'; did you mean 'roi'?"),
        ("seed = 1\n[phantom]\ntrain = 4", "line 2: unknown key 'phantom'; did you mean 'synthetic'?"),
        ("[when_phantom.data]\npath = 'x'", "line 1: unknown key 'when_phantom'; did you mean 'when_synthetic'?"),
    ],
)
def test_an_old_recipe_key_is_answered_with_its_name_of_today(tmp_path, text, said):
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / "own.toml")
    assert said in str(caught.value)
