"""The networks of the method and their weights files, side by side in one folder."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from handbone.core.collection import no_collection
from handbone.core.errors import HandboneError
from handbone.core.extras import not_installed
from handbone.method.prior.stage import PriorNetwork
from handbone.method.prompt import PROMPTER_FILE, read_prompter
from handbone.method.settings import MethodSettings
from handbone.networks import runtime as runtime_set_up
from handbone.networks.exported import Runtime, open_exported
from handbone.networks.exported.fixed import NetworkOfSizes
from handbone.networks.exported.opening import runtime_of
from handbone.networks.grid_network import GridNetwork, Precision
from handbone.weights import find_prior, find_weights, resolve
from handbone.weights.exported import exported_file, exported_network, is_exported
from handbone.weights.network_file import read_card


@dataclass(frozen=True)
class Stage:
    """A trained network and the side of the grid that it reads."""

    predictor: GridNetwork
    size: int


class Deferred(GridNetwork):
    """A network that is opened when it is first needed.

    Parameters
    ----------
    opened: opens it.
    """

    def __init__(self, opened: Callable[[], GridNetwork]):
        self._network = cache(opened)

    @property
    def half(self) -> bool:  # type: ignore[override]
        return self._network().half

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return self._network()(batch)


@no_collection()
def load_networks(
    path: str | Path,
    settings: MethodSettings | None = None,
    *,
    runtime: Runtime = "auto",
    threads: int | None = None,
    device: str | None = None,
    refining: bool = False,
) -> dict[str, Any]:
    """The arguments of a `TwoStage`: the networks that lie there, and their settings.

    Parameters
    ----------
    path: a run folder, a folder of weights or of exported networks, or the weights file of a coarse network alone.
    settings: in place of those that the weights carry.
    runtime: what computes the networks; "auto": torch for weights, for exported networks the library of their files.
    threads: of the networks' operators; by default the library's own choice.
    device: where networks of torch work, as it calls it ("cpu", "cuda:1"); an accelerator by default, where there is
        one. A prompted network chooses its own.
    refining: whether masks will be refined only; the coarse network is then loaded if it is needed after all.

    Raises
    ------
    HandboneError: no weights there, weights of another stage than their name says, no such device, or a runtime that is
        not installed or does not read them.
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
    opened = partial(open_network, precision=settings.precision, runtime=runtime, threads=threads, device=device)
    first = partial(_load_stage, coarse, "coarse", _deferring(opened) if refining else opened)
    second = None if refiner is None else partial(_load_stage, refiner, "refining", opened)
    coarse_stage, refine_stage = _both(first, second, at_once=is_exported(coarse))
    return {
        "coarse_stage": coarse_stage,
        "refine_stage": refine_stage,
        "settings": settings,
        "prompter": read_prompter(prompter) if there["prompt"] else None,
        "prior_network": None if prior is None else _load_prior(prior, opened),
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
    calibrated = (settings.presence, settings.confidence, gate)
    if not there["prior"] and any(each is not None and each.needs_prior for each in calibrated):
        raise HandboneError(
            "these weights were calibrated with an anatomical prior, and there is none",
            remedy="put prior.safetensors of the same weights beside them",
        )


@no_collection()
def open_network(
    path: Path,
    precision: Precision = "auto",
    runtime: Runtime = "auto",
    threads: int | None = None,
    device: str | None = None,
) -> GridNetwork:
    """The network of a weights file or of an exported file. Parameters as `load_networks`.

    Raises
    ------
    HandboneError: it cannot be loaded, or the runtime is not installed or does not read it.
    """
    if runtime_of(path, runtime) == "torch":
        try:
            from handbone.training.inference import Predictor

            runtime_set_up.prepare(threads or runtime_set_up.thread_limit())
            return Predictor(path, precision, device=device)
        except ModuleNotFoundError as error:
            instead = "give networks that handbone export-model has written"
            raise not_installed(error, where=path, instead=instead) from error
    found = exported_network(path)
    opened = partial(open_exported, runtime=runtime, precision=precision, threads=threads)
    network = opened(path, found.size_hw)
    if found.card.stage != "coarse" or (passes := exported_file(path.parent, "locate")) is None:
        return network
    other = exported_network(passes).size_hw
    return NetworkOfSizes({found.size_hw: network, other: opened(passes, other)})


def _both(
    first: Callable[[], Stage], second: Callable[[], Stage] | None, *, at_once: bool
) -> tuple[Stage, Stage | None]:
    """Two stages, at once where ONNX Runtime or OpenVINO opens them: they let other threads go on meanwhile."""
    if second is None or not at_once:
        return first(), second and second()
    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(second)
        return first(), other.result()


def _deferring(opened: Callable[[Path], GridNetwork]) -> Callable[[Path], GridNetwork]:
    return lambda path: Deferred(partial(opened, path))


def _load_prior(path: Path, opened: Callable[[Path], GridNetwork]) -> PriorNetwork:
    if (stage := read_card(path).stage) != "prior":
        raise HandboneError(f"these are weights of the stage '{stage}', not of an anatomical prior", where=path)
    return opened(path).logits


def _load_stage(path: Path, stage: str, opened: Callable[[Path], GridNetwork]) -> Stage:
    card = read_card(path)
    # A refiner reads an ROI of any bones; what counts is that the two are not confused.
    if (card.stage == "coarse") != (stage == "coarse"):
        what = f"these are weights of the stage '{card.stage}', where those of the {stage} network are needed"
        raise HandboneError(what, where=path, remedy="give the run folder, which holds both stages")
    return Stage(opened(path), card.size)
