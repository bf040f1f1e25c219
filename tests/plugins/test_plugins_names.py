"""Two packages that provide one name, and packages that are named but not there, through the command line."""

import pytest
from plugins_disk import GOOD, HEAD, handbone, write_plugin

from handbone.anatomy import NAMES

ENSEMBLER = (
    HEAD
    + """
@hookimpl
def handbone_ensemblers():
    def build(settings):
        return lambda members: members["two"]
    return [EnsemblerSpec(name="mean", summary="The second", build=build)]
"""
)
CSV = "image_name,class,rle\n" + "".join(f"a.png,{name},1 9\n" for name in NAMES)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Three plugins: two agree in every name, one has an ensembler that is called like a built-in one."""
    folder = tmp_path_factory.mktemp("site")
    write_plugin(folder, "handbone-one", GOOD)
    write_plugin(folder, "handbone-two", GOOD)
    write_plugin(folder, "handbone-mean", ENSEMBLER)
    return folder


def refusal(site, *settings, **variables):
    words = [word for setting in settings for word in ("--set", setting)]
    done = handbone("run", "tiny", "--dry-run", *words, site=site, **variables)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.slow
def test_a_name_of_two_packages_matters_only_where_it_is_used(site):
    # Another mistake is told, and no word of the clash.
    assert "handbone-one" not in refusal(site, "coarse.model.name=unit")
    told = refusal(site, "coarse.train.loss=good-loss")
    assert "the loss 'good-loss' is provided by handbone-one and handbone-two" in told
    assert '{ name = "good-loss", from = "handbone-one" }' in told


@pytest.mark.slow
def test_from_decides(site):
    loss = 'coarse.train.loss=[{name = "good-loss", from = "%s", weight = 2.0}]'
    assert "handbone-two" not in refusal(site, loss % "handbone-two", "coarse.model.name=unit")
    told = refusal(site, loss % "handbone-monia")
    assert "no such plugin is installed; handbone plugins install handbone-monia, or pip install handbone-monia" in told
    assert "it is not loaded (not in HANDBONE_PLUGINS)" in refusal(
        site, loss % "handbone-two", HANDBONE_PLUGINS="handbone-one"
    )
    told = refusal(site, loss % "handbone-mean")
    assert "unknown provider of the loss 'good-loss' 'handbone-mean'; did you mean 'handbone-one'?" in told


@pytest.mark.slow
def test_an_unknown_name_recalls_the_plugins_that_are_left_out(site):
    told = refusal(site, "coarse.train.loss=good-loss", HANDBONE_PLUGINS="handbone-mean")
    assert "unknown loss 'good-loss'" in told
    assert "(plugins not loaded: handbone-one, handbone-two)" in told


@pytest.mark.slow
def test_two_commands_of_one_name(site):
    assert "handbone-one and handbone-two" in handbone("--help", site=site).stdout
    done = handbone("say", site=site)
    assert done.returncode == 1
    assert "'say' is provided by handbone-one and handbone-two; disable one of them" in done.stderr
    assert handbone("say", site=site, HANDBONE_PLUGINS="handbone-two").stdout == "said nothing\n"


@pytest.mark.slow
def test_an_ensembler_that_is_called_like_a_built_in_one(site, tmp_path):
    for name, row in (("one", CSV), ("two", CSV.replace("1 9", "1 3"))):
        (tmp_path / f"{name}.csv").write_text(row, encoding="utf-8")
    words = ("ensemble", "one.csv", "two.csv", "--overwrite")
    done = handbone(*words, site=site, cwd=tmp_path)
    assert done.returncode == 1
    assert "--method: the ensembler 'mean' is provided by handbone and handbone-mean" in done.stderr
    assert "--set from=handbone" in done.stderr
    for package, cell in (("handbone", "1 9"), ("handbone-mean", "1 3")):
        done = handbone(*words, "--set", f"from={package}", site=site, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"a.png,Capitate,{cell}\n" in (tmp_path / "ensemble/predictions.csv").read_text()
