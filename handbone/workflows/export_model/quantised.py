"""An export in 8-bit integers: calibrated on synthetic hands, and kept only if others lose next to nothing by it."""

import shutil
from collections.abc import Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.extras import not_installed
from handbone.core.files import sha256_of, write_json
from handbone.core.progress import console, track
from handbone.evaluation.metrics import both_empty, dice_contest
from handbone.formats.arrays import radiograph_from_array
from handbone.method.settings import read_settings
from handbone.method.two_stage import TwoStage
from handbone.networks.exported import Format, open_exported
from handbone.synthetic import SyntheticHand, draw_hand
from handbone.synthetic.texture import Looks
from handbone.weights.exported import EXPORT_CARD, ExportCard, ExportedNetwork, Int8, read_export_card
from handbone.workflows.export_model.int8 import QUANTISER, quantise
from handbone.workflows.export_model.parity import compare, shown_inputs

#: Mean Dice to the ground truth that 8-bit integers may cost, of all bones and of the carpals.
MOST_LOST = 0.002
#: The synthetic hands to calibrate on, and those to judge by, in looks that no network was trained on. No training
#: draws these seeds; every second hand is an upright adult's, the others are of any kind.
CALIBRATION, JUDGED = range(20261200, 20261240), range(20261300, 20261340)
_IMAGE_SIDE = 768
# Of each network; more change the ranges little, and take longer.
_MOST_INPUTS = 40
# Inputs on which each network is compared with itself in float32.
_COMPARED = 8
# A file for passes of another size is shown what the coarse network is shown.
_ASKED = {"locate": "coarse"}
_GROUPS = {"all": tuple(range(anatomy.COUNT)), "carpals": anatomy.select(("carpals",))}


def check_quantiser(format: Format) -> None:
    """Find out before any work whether there is a quantiser for a format.

    Raises
    ------
    HandboneError: it is not installed, or there is none.
    """
    if format != "openvino":
        raise HandboneError("8-bit integers are for OpenVINO's format alone", remedy="add --format openvino")
    if find_spec(QUANTISER) is None:
        raise not_installed(ModuleNotFoundError(name=QUANTISER))


def quantise_export(source: Path, target: Path) -> ExportCard:
    """Write the networks of an OpenVINO export in 8-bit integers; the anatomical prior stays as it is.

    Parameters
    ----------
    source: folder of the export in float32. target: folder that gets files and card.

    Raises
    ------
    HandboneError: NNCF is not installed or cannot quantise a network, or masks lose more than `MOST_LOST`.
    """
    settings = read_settings(source).but(precision="32")
    method, card = TwoStage.from_path(source, settings=settings), read_export_card(source)
    hands = track(hands_of(CALIBRATION, "training"), "Calibrating on synthetic hands", total=len(CALIBRATION))
    shown = shown_inputs(method, (_grey(hand) for hand in hands))
    networks = {}
    for name, network in card.networks.items():
        inputs = [batch for batch in shown.get(_ASKED.get(name, name), []) if batch.shape == network.input_shape]
        networks[name] = _quantised(source, target, network, inputs)
    card = card.model_copy(update={"precision": "int8", "networks": networks})
    write_json(target / EXPORT_CARD, card.model_dump(mode="json", by_alias=True))
    found = compare_with_truth(method, TwoStage.from_path(target, settings=settings))
    refuse_if_lost(found)
    versions = {**card.versions, QUANTISER: metadata.version(QUANTISER)}
    card = card.model_copy(update={"int8": found, "versions": versions})
    write_json(target / EXPORT_CARD, card.model_dump(mode="json", by_alias=True))
    return card


def _quantised(source: Path, target: Path, network: ExportedNetwork, inputs: Sequence[np.ndarray]) -> ExportedNetwork:
    """The file of one network in 8-bit integers, and what the card says of it; a copy where nothing was shown to it."""
    for file in network.sha256:
        shutil.copyfile(source / file, target / file)
    if not inputs:
        return network
    chosen = np.random.default_rng(0).permutation(len(inputs))[:_MOST_INPUTS]
    inputs = [np.ascontiguousarray(inputs[index]) for index in chosen]
    console.print(f"Quantising {network.file}", markup=False, highlight=False)
    quantise(target / network.file, inputs)
    before, after = (
        open_exported(folder / network.file, network.size_hw, precision="32") for folder in (source, target)
    )
    digests = {file: sha256_of(target / file) for file in network.sha256}
    return network.model_copy(update={"sha256": digests, "parity": compare(before, after, inputs[:_COMPARED])})


def hands_of(seeds: Sequence[int], looks: Looks) -> Iterator[SyntheticHand]:
    """Synthetic hands, every second one an upright adult's, the others of any kind."""
    for seed in seeds:
        yield draw_hand(seed, size=_IMAGE_SIDE, variety="upright_adult" if seed % 2 else "diverse", looks=looks)


def compare_with_truth(before: TwoStage, after: TwoStage) -> Int8:
    """What a method in 8-bit integers costs against the same in float32, on the synthetic hands to judge by."""
    rows = []
    for hand in track(hands_of(JUDGED, "held_out"), "Comparing with the ground truth", total=len(JUDGED)):
        image = _grey(hand)
        old, new = (method.predict(image).final.threshold(method.threshold) for method in (before, after))
        rows.append([_dice(hand.masks, old), _dice(hand.masks, new), dice_contest(old, new)])
    means = {
        group: np.nanmean(np.array(rows)[..., list(bones)], axis=(0, 2)).round(5).tolist()
        for group, bones in _GROUPS.items()
    }
    return Int8(
        calibration_seeds=tuple(CALIBRATION),
        judged_seeds=tuple(JUDGED),
        dice_float32={group: each[0] for group, each in means.items()},
        dice_int8={group: each[1] for group, each in means.items()},
        agreement={group: each[2] for group, each in means.items()},
    )


def refuse_if_lost(found: Int8) -> None:
    """Raise where 8-bit integers cost too much.

    Raises
    ------
    HandboneError: names the bones and by how much they are worse.
    """
    for group, before in found.dice_float32.items():
        if not before - found.dice_int8[group] <= MOST_LOST:
            what = (
                f"8-bit integers lose more than {MOST_LOST}: mean Dice to the ground truth "
                f"{found.dice_int8[group]:.4f} instead of {before:.4f}, {group} bones of synthetic hands"
            )
            raise HandboneError(what, remedy="nothing was written; leave out --precision int8")


def _dice(one: BoneMasks, other: BoneMasks) -> np.ndarray:
    """Dice of each bone, (29,); NaN where both masks are empty."""
    return np.where(both_empty(one, other), np.nan, dice_contest(one, other))


def _grey(hand: SyntheticHand) -> np.ndarray:
    """Grey values as `predict` reads them from a file: over their own range, and bones bright."""
    return radiograph_from_array(hand.image).image
