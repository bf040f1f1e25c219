"""Combinations that cannot work, refused with the recipe's file and key before any work starts."""

import importlib.util

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.evaluation.columns import is_taken
from handbone.networks.prompters import find_prompter
from handbone.plugins.manager import registry
from handbone.recipe.class_map import UNION
from handbone.recipe.schema import Choice, Network, Recipe, Refine
from handbone.weights import resolve


def check_recipe(recipe: Recipe, *, where: str) -> None:
    """Refuse a recipe that names what is not registered, not installed or not there.

    Raises
    ------
    HandboneError: with every mistake found, one per line.
    """
    registry()  # with strict plugins it refuses, and not in the name of one of the recipe's keys
    mistakes = [f"data.class_map: {_merged(name)}" for name, bones in recipe.data.class_map.items() if UNION in bones]
    networks: dict[str, Network] = {"coarse": recipe.coarse}
    if recipe.refine is not None:
        networks["refine"] = recipe.refine
    for table, network in networks.items():
        mistakes += _network_mistakes(table, network)
    for choice in recipe.evaluate.metrics:
        try:
            registry().get("metric", choice)
            if is_taken(choice.name):
                raise HandboneError(
                    f"every run already has a column {choice.name!r}", remedy="remove it from evaluate.metrics"
                )
        except HandboneError as error:
            mistakes.append(f"evaluate.metrics: {error}")
    if recipe.prompt is not None:
        try:
            find_prompter(recipe.prompt.prompter)
        except HandboneError as error:
            mistakes.append(f"prompt.prompter: {error}")
    if mistakes:
        raise HandboneError("\n  ".join(mistakes), where=where)


def _merged(name: str) -> str:
    return (
        f"{name!r} merges several bones, so no network can learn them apart; give labels that tell them apart, or use "
        "'handbone evaluate'"
    )


def _network_mistakes(table: str, network: Network) -> list[str]:
    train = network.train
    choices: list[tuple[str, str, Choice]] = [
        ("model", "model", network.model),
        ("optimiser", "train.optimiser", train.optimiser),
        ("scheduler", "train.scheduler", train.scheduler),
        *(("loss", "train.loss", term) for term in train.loss),
    ]
    mistakes = []
    for kind, key, choice in choices:
        try:
            registry().get(kind, choice)
        except HandboneError as error:
            mistakes.append(f"{table}.{key}: {error}")
    # The refiner's "coarse" is the run's own coarse network, which is yet to be trained.
    if network.weights is not None and (table, network.weights) != ("refine", "coarse"):
        try:
            resolve(network.weights)
            if train.epochs == 0 and not mistakes:
                _check_ready_made(network)
        except HandboneError as error:
            mistakes.append(f"{table}.weights: {error}")
    for logger in train.loggers:
        if logger != "csv" and importlib.util.find_spec(logger) is None:
            mistakes.append(f"{table}.train.loggers: {logger!r} is not installed; pip install 'handbone[{logger}]'")
    return mistakes


def _check_ready_made(network: Network) -> None:
    """Refuse weights that cannot be used as they are."""
    # Not before it is needed: it imports torch.
    from handbone.training.starting import ready_made

    if isinstance(network, Refine):
        ready_made(network, 1 + anatomy.COUNT * network.coarse_channels, "refiner")
    else:
        ready_made(network, 1, "coarse")
