"""Trainings that start from weights by name: from what fits, else from the encoder's with a remark."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from weights_small import MODEL, SETTINGS, save, write_run

from handbone.anatomy import NAMES
from handbone.core.errors import HandboneError
from handbone.recipe.schema import Choice, Coarse, Network, Recipe, Refine, Train
from handbone.runs.checks import check_recipe
from handbone.training import engine, starting
from handbone.weights import pack
from handbone.weights.network_file import load_weights

FIRST = "core.encoder.model.conv_stem.weight"


@pytest.fixture
def shipped(packed, places):
    return Path(shutil.copytree(packed, places.shipped / "zero_shot"))


def start(model=MODEL, in_channels=1, stage="coarse", weights="zero_shot"):
    torch.manual_seed(9)
    return starting.start(Network(model=model, weights=str(weights)), in_channels, stage)


def started_from(module, file):
    return torch.equal(module.state_dict()[FIRST], load_file(file)[FIRST].float())


def test_a_name_that_fits_is_started_from(shipped, capsys):
    for stage in ("coarse", "refiner"):
        assert started_from(start(stage=stage), shipped / f"{stage}.safetensors")
        assert started_from(start(stage=stage, weights=shipped), shipped / f"{stage}.safetensors")
    # The hub's weights are out of reach here and would be of no use.
    assert started_from(
        start(Choice(name="unet", encoder_weights="imagenet", **SETTINGS)), shipped / "coarse.safetensors"
    )
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "change",
    [
        {"model": Choice(name="unetplusplus", encoder_weights=None, **SETTINGS)},
        {"model": Choice(name="unet", encoder="test_efficientnet", encoder_weights=None)},
    ],
)
def test_a_name_of_another_network_is_left_aside_with_one_line(shipped, capsys, change):
    module = start(**change)
    assert not started_from(module, shipped / "coarse.safetensors")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "coarse: starting from the encoder's weights, because zero_shot was trained with another network"
    )
    assert line.endswith("(unet with test_efficientnet, 1 channel)")


def test_a_name_without_the_stage_is_left_aside_too(tmp_path, places, capsys):
    pack(save(tmp_path / "w.safetensors", "coarse"), places.shipped / "one", name="one")
    start(stage="refiner", weights="one")
    assert capsys.readouterr().err == "refiner: starting from the encoder's weights, because one has no refiner\n"


def test_a_path_of_another_network_is_a_mistake(shipped):
    with pytest.raises(HandboneError, match="does not fit the network"):
        start(model=Choice(name="unetplusplus", **SETTINGS), weights=shipped / "coarse.safetensors")


def test_unknown_names_and_damaged_files_are_mistakes(shipped):
    with pytest.raises(HandboneError, match="did you mean 'zero_shot'"):
        start(weights="zero_shoot")
    with (shipped / "refiner.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(HandboneError, match="is not the file that"):
        start()
    shutil.rmtree(shipped)
    with pytest.raises(HandboneError, match=r"zero_shot: no such file.*'handbone weights list'"):
        start()


def test_recipes_may_say_a_name_and_are_checked_before_any_work(shipped):
    def recipe(coarse, refine):
        return Recipe(name="x", coarse=Coarse(model=MODEL, weights=coarse), refine=Refine(model=MODEL, weights=refine))

    check_recipe(recipe("zero_shot", "zero_shot"), where="x.toml")
    check_recipe(recipe(None, "coarse"), where="x.toml")
    check_recipe(recipe(str(shipped), None), where="x.toml")
    with pytest.raises(HandboneError) as caught:
        check_recipe(recipe("zero_shoot", "nowhere/run"), where="x.toml")
    assert "coarse.weights: zero_shoot: no such file" in str(caught.value)
    assert "refine.weights: nowhere/run: no such file" in str(caught.value)


def untrained(weights, model=MODEL, **more):
    return {"model": model, "weights": None if weights is None else str(weights), "train": Train(epochs=0), **more}


def test_weights_are_used_as_they_are_under_the_run_s_own_card(shipped, tmp_path):
    card = {"stage": "coarse", "bones": NAMES}
    engine.use(network=Network(**untrained("zero_shot", size=96)), in_channels=1, folder=tmp_path, card=card)
    module, told = load_weights(tmp_path / "weights.safetensors")
    known, before = load_weights(shipped / "coarse.safetensors")
    assert all(torch.equal(value, known.state_dict()[name]) for name, value in module.state_dict().items())
    assert (told.size, told.extra, told.training) == (96, {}, before.training)
    assert (tmp_path / "history.csv").read_text().splitlines() == ["epoch,train_loss,val_dice,lr,seconds,size"]


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize(
    ("change", "in_channels"),
    [
        ({"model": Choice(name="unetplusplus", encoder_weights=None, **SETTINGS)}, 1),
        ({"model": Choice(name="unet", encoder="test_efficientnet", encoder_weights=None)}, 1),
        ({}, 30),
    ],
)
def test_weights_of_another_network_are_no_substitute_for_training(shipped, tmp_path, by_name, change, in_channels):
    network = Network(**untrained("zero_shot" if by_name else shipped, **change))
    with pytest.raises(
        HandboneError, match=r"another network \(unet with .* and train\.epochs = 0 needs matching weights"
    ):
        engine.use(network=network, in_channels=in_channels, folder=tmp_path, card={"stage": "coarse"})


def test_no_epochs_without_fitting_weights_are_refused_before_any_work(shipped, places):
    with pytest.raises(ValueError, match=r"train\.epochs = 0 uses existing weights, but none are given"):
        Coarse(**untrained(None))
    check_recipe(Recipe(name="x", coarse=Coarse(**untrained("zero_shot"))), where="x.toml")
    check_recipe(Recipe(name="x", refine=Refine(**untrained("coarse"))), where="x.toml")
    other = Refine(**untrained("zero_shot", coarse_channels=True))
    with pytest.raises(HandboneError, match=r"refine\.weights: zero_shot was trained with another network"):
        check_recipe(Recipe(name="x", refine=other), where="x.toml")
    (shipped / "coarse.safetensors").unlink()
    with pytest.raises(HandboneError, match=r"coarse\.weights: .*coarse\.safetensors: is missing"):
        check_recipe(Recipe(name="x", coarse=Coarse(**untrained("zero_shot"))), where="x.toml")


def test_weights_of_the_radiograph_alone_start_a_network_with_further_channels(shipped, capsys):
    path = shipped / "refiner.safetensors"
    plain, _ = load_weights(path)
    image, rest = torch.rand(1, 1, 64, 64), torch.rand(1, 29, 64, 64)
    for weights in (path, "zero_shot"):
        wide = start(in_channels=30, stage="refiner", weights=weights).eval()
        with torch.no_grad():
            assert torch.allclose(wide(torch.cat([image, rest], 1)), plain(image), atol=1e-4)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("in_channels", [1, 30])
@pytest.mark.parametrize("by_name", [True, False])
def test_a_trunk_starts_a_network_that_fuses_nothing(shipped, tmp_path, capsys, by_name, in_channels):
    plain = Choice(name="unetplusplus", encoder_weights=None, **SETTINGS)
    fused = plain.model_copy(update={"name": "unetplusplus_fusion"})
    run = write_run(tmp_path / "run")
    path = save(run / "weights" / "refiner.safetensors", "refiner", model=fused, in_channels=30)
    weights = path
    if by_name:
        weights, path = "fused", pack(run, shipped.parent / "fused", name="fused").folder / "refiner.safetensors"
    module = start(plain, in_channels=in_channels, stage="refiner", weights=weights).eval()
    trunk = load_weights(path)[0].trunk
    image = torch.rand(1, in_channels, 64, 64)
    with torch.no_grad():
        assert torch.allclose(module(image), trunk(image[:, :1]), atol=1e-4)
    # And what fuses starts from what fuses.
    whole = start(fused, in_channels=30, stage="refiner", weights=weights).eval()
    assert all(
        torch.equal(value, load_weights(path)[0].state_dict()[name]) for name, value in whole.state_dict().items()
    )
    assert capsys.readouterr().err == ""


def test_a_trunk_is_no_substitute_for_the_whole_network(shipped, tmp_path):
    plain = Choice(name="unetplusplus", encoder_weights=None, **SETTINGS)
    fused = plain.model_copy(update={"name": "unetplusplus_fusion"})
    run = write_run(tmp_path / "run")
    save(run / "weights" / "refiner.safetensors", "refiner", model=fused, in_channels=30)
    pack(run, shipped.parent / "fused", name="fused")
    refine = Refine(**untrained("fused") | {"model": plain})
    with pytest.raises(HandboneError, match=r"refine\.weights: fused was trained with another network"):
        check_recipe(Recipe(name="x", refine=refine), where="x.toml")
    check_recipe(
        Recipe(name="x", refine=Refine(**untrained("fused") | {"model": fused, "coarse_channels": True})), where="x"
    )
