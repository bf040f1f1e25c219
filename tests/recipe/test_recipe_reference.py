from pathlib import Path

import pytest

from handbone.core.errors import UnknownNameError
from handbone.recipe import explain, reference
from handbone.recipe.load import load_recipe

README = Path(__file__).parents[2] / "recipes" / "README.md"


def test_the_readme_lists_every_key_as_the_schema_has_it():
    _, heading, listed = README.read_text(encoding="utf-8").partition("### Top of the file")
    assert heading + listed == reference.to_markdown(), "replace it by what `handbone recipes keys --markdown` prints"


def test_the_readme_names_every_built_in_recipe():
    text = README.read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in text for path in README.parent.glob("*.toml"))


def test_every_table_and_key_says_what_it_is():
    for section in reference.sections():
        assert section.about, section.title
        assert all(key.meaning and key.takes for key in section.keys), section.title


def test_tables_can_be_asked_for_alone():
    assert [section.names for section in reference.sections_of("coarse.train")] == [("coarse.train", "refine.train")]
    assert len(reference.sections_of("[when_synthetic.coarse]")) == 3
    with pytest.raises(UnknownNameError, match=r"did you mean 'coarse\.train'"):
        reference.sections_of("coarse.trian")


def test_explained_rows_carry_value_origin_and_meaning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_text(
        "[coarse.train]\nscheduler = 'plateau'\n[when_synthetic.coarse.train]\nepochs = 2\n", encoding="utf-8"
    )
    loaded = load_recipe("a.toml", ["refine=false"])
    rows = {row.key: row for row in explain.rows(loaded)}
    assert len(rows) == len(explain.rows(loaded))
    scheduler = rows["coarse.train.scheduler.name"]
    assert (scheduler.value, scheduler.origin.short, scheduler.table) == ('"plateau"', "a.toml:2", "coarse.train")
    assert (rows["refine"].value, rows["refine"].origin.short) == ("false", "--set refine=false")
    assert not rows["coarse.train.lr"].changed and rows["coarse.train.lr"].meaning
    assert not any(key.startswith("refine.") for key in rows)
    synthetic = {row.key: row for row in explain.rows(loaded, synthetic=True)}
    assert (synthetic["coarse.train.epochs"].value, synthetic["coarse.train.epochs"].origin.line) == ("2", 4)
    assert not rows["coarse.train.epochs"].changed
