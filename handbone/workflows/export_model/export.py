"""Weights to a folder of exported networks with their card."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handbone.core.files import sha256_of, write_json
from handbone.method.networks import open_network
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import TwoStage
from handbone.networks.exported import Format, open_exported
from handbone.weights import find_prior, find_weights
from handbone.weights.exported import EXPORT_CARD, ExportCard, ExportedNetwork, ExportPrecision, NetworkName
from handbone.weights.network_file import load_weights, read_card
from handbone.workflows.export_model.description import POSTPROCESSING, PREPROCESSING
from handbone.workflows.export_model.formats import OPSET, versions, write_network
from handbone.workflows.export_model.parity import compare, refuse_if_worse, shown_inputs
from handbone.workflows.export_model.quantised import check_quantiser, quantise_export
from handbone.workflows.results import Results


@dataclass(frozen=True)
class _Source:
    """A network to export: its weights, the side of its grid, and the name of what the method shows it."""

    weights: Path
    size: int
    shown: str


def export_model(
    weights: str | Path,
    folder: Path,
    *,
    format: Format = "onnx",
    precision: ExportPrecision = "32",
    overwrite: bool = False,
) -> ExportCard:
    """Write the networks of weights as files of a fixed size that need no torch, with a card, whole or not at all.

    Each exported network is compared with PyTorch in float32 on what the whole method shows it in synthetic hands.

    Parameters
    ----------
    weights: a run, a folder of weights, a coarse network's file, or a name.
    folder: gets `coarse.onnx`, `refiner.onnx` and so on, and `model.json`; `predict --weights` takes it.
    precision: "int8" for 8-bit integers, see `quantise_export`.
    overwrite: replace an earlier export that lies in `folder`; anything else there stays.

    Raises
    ------
    HandboneError: no weights, a package that is not installed, a network that cannot be exported or gives other masks,
        8-bit integers in another format than OpenVINO's, or a folder that holds something.
    """
    if precision == "int8":
        check_quantiser(format)
    results = Results.at(folder, "exported networks")
    overwrite = results.put_right() or overwrite
    results.check(overwrite=overwrite, names=[EXPORT_CARD])
    with results.fill(overwrite=overwrite, names=[EXPORT_CARD]) as temporary:
        if precision == "32":
            return _export(weights, temporary, format)
        with tempfile.TemporaryDirectory() as floats:
            _export(weights, Path(floats), format)
            return quantise_export(Path(floats), temporary)


def _export(weights: str | Path, folder: Path, format: Format) -> ExportCard:
    """Write networks in float32 and their card."""
    settings = _settings(weights)
    method = TwoStage.from_path(weights, settings=settings)
    sources, shown = _sources(weights, settings), shown_inputs(method)
    networks = {
        name: _exported(name, source, folder, format, shown.get(source.shown, [])) for name, source in sources.items()
    }
    refuse_if_worse({name: network.parity for name, network in networks.items()})
    card = ExportCard(
        format=format,
        networks=networks,
        opset=OPSET if format == "onnx" else None,
        versions=versions(format),
        source={source.weights.name: sha256_of(source.weights) for source in sources.values()},
        left_out=("prompt",) if method.prompter is not None else (),
        preprocessing=PREPROCESSING,
        postprocessing={**POSTPROCESSING, "threshold": settings.threshold},
    )
    write_json(folder / EXPORT_CARD, card.model_dump(mode="json", by_alias=True))
    return card


def _settings(weights: str | Path) -> MethodSettings:
    """Those of the weights, in float32: an export is compared with that."""
    coarse = find_weights(weights)[0]
    return MethodSettings.from_card(read_card(coarse), where=coarse).model_copy(update={"precision": "32"})


def _sources(weights: str | Path, settings: MethodSettings) -> dict[NetworkName, _Source]:
    coarse, refiner = find_weights(weights)
    prior, size = find_prior(weights), read_card(coarse).size
    sources: dict[NetworkName, _Source] = {"coarse": _Source(coarse, size, "coarse")}
    if settings.find_hand not in (None, size):
        assert settings.find_hand is not None
        sources["locate"] = _Source(coarse, settings.find_hand, "coarse")
    if refiner is not None:
        sources["refiner"] = _Source(refiner, read_card(refiner).size, "refiner")
    if prior is not None:
        sources["prior"] = _Source(prior, read_card(prior).size, "prior")
    return sources


def _exported(
    name: NetworkName, source: _Source, folder: Path, format: Format, shown: list[np.ndarray]
) -> ExportedNetwork:
    module, card = load_weights(source.weights)
    shape = (1, card.in_channels, source.size, source.size)
    path = write_network(module, folder, name, shape, format)
    batches = [batch for batch in shown if batch.shape == shape]
    if not batches:
        # A network that the method did not ask: noise tells whether the two compute the same.
        batches = [np.random.default_rng(0).random(shape, np.float32)]
    parity = compare(open_network(source.weights, "32"), open_exported(path, shape[2:], precision="32"), batches)
    files = [path] if format == "onnx" else [path, path.with_suffix(".bin")]
    return ExportedNetwork(
        file=path.name,
        sha256={file.name: sha256_of(file) for file in files},
        input_shape=shape,
        output_shape=(1, len(card.bones), source.size, source.size),
        parity=parity,
        card=card,
    )
