"""Folders of exported networks: what `handbone export-model` writes beside the files, and how they are found."""

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

import handbone
from handbone.core.digests import content_digest
from handbone.core.errors import HandboneError
from handbone.networks.exported import FORMATS
from handbone.recipe.table import Table
from handbone.weights.network_card import WeightsCard
from handbone.weights.table_file import read_table

#: The card of a folder of exported networks.
EXPORT_CARD = "model.json"
_REMEDY = "export the weights again: handbone export-model WEIGHTS -o DIR"
#: The networks that are exported: the coarse one, the same for the passes that find the hand where they are of another
#: size, the refiner, and the anatomical prior's.
NetworkName = Literal["coarse", "locate", "refiner", "prior"]
#: The numbers that an exported network's convolutions multiply.
ExportPrecision = Literal["32", "int8"]


class Parity(Table):
    """How an exported network compares with PyTorch in float32, on synthetic hands.

    Parameters
    ----------
    max_difference: of any logit. dice: mean over images and bones of masks at one half. images: number of them.
    """

    max_difference: float = Field(ge=0)
    dice: float = Field(ge=0, le=1)
    images: int = Field(ge=1)


class Int8(Table):
    """What 8-bit integers cost the whole method, on synthetic hands that it was not calibrated on.

    Parameters
    ----------
    calibration_seeds, judged_seeds: of the hands that it was calibrated on, and of those that judged it.
    dice_float32, dice_int8: mean Dice to the ground truth by group of bones, "all" and "carpals", before and after.
    agreement: mean Dice between the two by group of bones.
    """

    calibration_seeds: tuple[int, ...]
    judged_seeds: tuple[int, ...]
    dice_float32: dict[str, float]
    dice_int8: dict[str, float]
    agreement: dict[str, float]


class ExportedNetwork(Table):
    """One exported network.

    Parameters
    ----------
    file: its name in the folder. sha256: name of each of its files to digest; OpenVINO's has two.
    input_shape, output_shape: (1, C, H, W) float32. card: that of the weights that it was made from.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    file: str
    sha256: dict[str, str]
    input_shape: tuple[int, int, int, int]
    output_shape: tuple[int, int, int, int]
    parity: Parity
    card: WeightsCard

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of its grid."""
        return self.input_shape[2], self.input_shape[3]


class ExportCard(Table):
    """What model.json holds.

    Parameters
    ----------
    format: of the networks' files. networks: each by its name.
    precision: "32", or "int8" where most convolutions multiply 8-bit integers. int8: what those cost; None in float32.
    opset: of ONNX; None in other formats. versions: of the packages that took part.
    source: name of each weights file to sha256. left_out: stages of the weights that are not exported.
    preprocessing, postprocessing: in words, for programs of other makers.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    schema_name: Literal["handbone.model/1"] = Field(default="handbone.model/1", alias="schema")
    format: Literal["onnx", "openvino"]
    networks: dict[NetworkName, ExportedNetwork]
    precision: ExportPrecision = "32"
    int8: Int8 | None = None
    opset: int | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    source: dict[str, str] = Field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    preprocessing: dict[str, Any] = Field(default_factory=dict)
    postprocessing: dict[str, Any] = Field(default_factory=dict)
    handbone: str = handbone.__version__
    not_a_medical_device: bool = True


def is_exported(path: Path) -> bool:
    """Whether a path is a folder of exported networks, or one of their files."""
    return (path / EXPORT_CARD).is_file() or path.suffix in FORMATS.values()


def read_export_card(folder: Path) -> ExportCard:
    """The card of a folder of exported networks.

    Raises
    ------
    HandboneError: there is none, or it cannot be read.
    """
    return read_table(folder / EXPORT_CARD, ExportCard, absent="there is no card of exported networks", remedy=_REMEDY)


def exported_file(folder: Path, network: NetworkName) -> Path | None:
    """The file of a network in a folder of exported ones, compared with the card; None where there is no such network.

    Raises
    ------
    HandboneError: a file is missing, or is not the one that the card describes.
    """
    found = read_export_card(folder).networks.get(network)
    if found is None:
        return None
    for name, digest in found.sha256.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise HandboneError("is missing", where=path, remedy=_REMEDY)
        if content_digest(path) != digest:
            raise HandboneError(f"is not the file that {EXPORT_CARD} describes", where=path, remedy=_REMEDY)
    return folder / Path(found.file).name


def exported_files(file: Path) -> list[Path]:
    """All files of the networks that lie beside an exported network's file, and it itself; those that are there.

    Raises
    ------
    HandboneError: there is no card, or it cannot be read.
    """
    networks = read_export_card(file.parent).networks.values()
    names = {file.name, *(Path(name).name for network in networks for name in network.sha256)}
    return [path for path in map(file.with_name, sorted(names)) if path.is_file()]


def exported_network(file: Path) -> ExportedNetwork:
    """What the card beside an exported network's file says of it.

    Raises
    ------
    HandboneError: there is no card, or it says nothing of the file.
    """
    for network in read_export_card(file.parent).networks.values():
        if network.file == file.name:
            return network
    raise HandboneError(f"{EXPORT_CARD} does not describe this file", where=file, remedy=_REMEDY)
