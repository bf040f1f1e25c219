"""The networks of the method and their weights files, side by side in one folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.method.prior.stage import read_prior
from handbone.method.prompt import PROMPTER_FILE, read_prompter
from handbone.method.settings import MethodSettings
from handbone.training.inference import Precision, Predictor
from handbone.weights import find_prior, find_weights, resolve
from handbone.weights.network_file import read_card


@dataclass(frozen=True)
class Stage:
    """A trained network and the side of the grid that it reads."""

    predictor: Predictor
    size: int


def load_networks(
    path: str | Path, settings: MethodSettings | None = None, *, device: str | None = None
) -> dict[str, Any]:
    """The arguments of a `TwoStage`: the networks that lie there, and their settings.

    Parameters
    ----------
    path: a run folder, a folder of weights, or the weights file of a coarse network alone.
    settings: in place of those that the weights carry.
    device: where networks work, as torch calls it ("cpu", "cuda:1"); an accelerator by default, where there is one. A
        prompted network chooses its own.

    Raises
    ------
    HandboneError: no weights there, weights of another stage than their name says, or no such device.
    """
    coarse, refiner = find_weights(path)
    settings = settings or MethodSettings.from_card(read_card(coarse), where=coarse)
    prior, prompter = find_prior(path), coarse.with_name(PROMPTER_FILE)
    there = {
        "refiner": refiner is not None,
        "prompt": resolve(path).is_dir() and prompter.is_file(),
        "prior": prior is not None,
    }
    # A stage whose network was left behind, as in a weights file alone, is left out.
    settings = settings.model_copy(update={stage: None for stage, found in there.items() if not found})
    check_networks(settings, **there)
    return {
        "coarse_stage": _load_stage(coarse, "coarse", settings.precision, device),
        "refine_stage": None if refiner is None else _load_stage(refiner, "refining", settings.precision, device),
        "settings": settings,
        "prompter": read_prompter(prompter) if there["prompt"] else None,
        "prior_network": None if prior is None else read_prior(prior, settings.precision, device=device),
    }


def check_networks(settings: MethodSettings, **there: bool) -> None:
    """Refuse networks that the settings say nothing of, and settings that need a network that is not there.

    Parameters
    ----------
    there: "refiner", "prompt" and "prior": whether there is such a network.

    Raises
    ------
    HandboneError: they do not belong together.
    """
    remedy = "take all files of one run, or of one set of weights"
    for stage, found in there.items():
        if found and getattr(settings, stage) is None:
            raise HandboneError(f"there is a network of the stage '{stage}', and no settings for it", remedy=remedy)
        if not found and getattr(settings, stage) is not None:
            raise HandboneError(f"there are settings of the stage '{stage}', and no network for it", remedy=remedy)
    gate = None if settings.refiner is None else settings.refiner.gate
    if not there["prior"] and any(each is not None and each.needs_prior for each in (settings.presence, gate)):
        raise HandboneError(
            "these weights were calibrated with an anatomical prior, and there is none",
            remedy="put prior.safetensors of the same weights beside them",
        )


def _load_stage(path: Path, stage: str, precision: Precision, device: str | None) -> Stage:
    card = read_card(path)
    # A refiner reads an ROI of any bones; what counts is that the two are not confused.
    if (card.stage == "coarse") != (stage == "coarse"):
        what = f"these are weights of the stage '{card.stage}', where those of the {stage} network are needed"
        raise HandboneError(what, where=path, remedy="give the run folder, which holds both stages")
    return Stage(Predictor(path, precision, device=device), card.size)
