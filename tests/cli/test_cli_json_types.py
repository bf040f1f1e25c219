"""What `--json` gives of data, recipes, weights, plugins and comparisons, to the last cell: an integer is no 1.0."""

import json
from typing import Literal, NotRequired

import cv2
import numpy as np
import pytest
from pydantic import ConfigDict, TypeAdapter, with_config
from typer.testing import CliRunner
from typing_extensions import TypedDict

from handbone.cli import app
from handbone.synthetic.write import write_contest_set

STRICT = ConfigDict(strict=True, extra="forbid")


@with_config(STRICT)
class Finding(TypedDict):
    severity: Literal["error", "warning", "note"]
    rule: str
    file: str
    message: str
    remedy: str


@with_config(STRICT)
class Check(TypedDict):
    schema: Literal["handbone.data.check/1"]
    path: str
    layout: str
    images: int
    findings: list[Finding]


@with_config(STRICT)
class SummaryBone(TypedDict):
    bone: str
    title: str
    hands: int
    area: float
    area_q25: float
    area_q75: float
    share: float | None
    outliers: int


@with_config(STRICT)
class SummaryOverlap(TypedDict):
    bone: str
    other: str
    hands: float
    overlap: float


@with_config(STRICT)
class SummaryPatient(TypedDict):
    patient_id: str
    images: int
    split: Literal["train", "test"]
    first: str | None
    second: str | None
    thumbs: str | None
    size_ratio: float | None
    bend_first: float | None
    bend_second: float | None


@with_config(STRICT)
class SummaryImage(TypedDict):
    image_name: str
    patient_id: str
    split: Literal["train", "test"]
    side: Literal["L", "R"] | None
    thumb: Literal["left", "right"] | None
    width: int
    height: int
    bones: int
    mc3_length_px: float | None
    bend_degrees: float | None
    pose: Literal["straight", "bent", "unknown"]


@with_config(STRICT)
class Summary(TypedDict):
    schema: Literal["handbone.data.summary/1"]
    path: str
    page: str | None
    left_out: list[Finding]
    bones: list[SummaryBone]
    overlaps: list[SummaryOverlap]
    patients: list[SummaryPatient]
    outliers: list[dict]
    images: list[SummaryImage]


@with_config(STRICT)
class Recipe(TypedDict):
    name: str
    summary: str
    files: list[str]


@with_config(STRICT)
class Recipes(TypedDict):
    schema: Literal["handbone.recipes.list/1"]
    items: list[Recipe]


@with_config(STRICT)
class Validated(TypedDict):
    recipe: str
    valid: bool
    problems: list[str | dict[str, str | int | None]]


@with_config(STRICT)
class Validation(TypedDict):
    schema: Literal["handbone.recipes.validate/1"]
    items: list[Validated]


@with_config(STRICT)
class WeightsFile(TypedDict):
    path: str
    sha256: str
    bytes: int
    network: str


@with_config(STRICT)
class Weights(TypedDict):
    name: str
    origin: Literal["shipped", "fetched", "plugin", "folder"]
    package: str | None
    folder: str
    summary: str
    licence: str
    handbone: str
    created: str
    metrics: dict[str, float]
    files: dict[Literal["coarse", "refiner", "prior"], WeightsFile]


@with_config(STRICT)
class WeightsList(TypedDict):
    schema: Literal["handbone.weights.list/1"]
    items: list[Weights]


@with_config(STRICT)
class WeightsInfo(Weights):
    schema: Literal["handbone.weights.info/1"]
    verified: bool
    problem: str | None
    data: str
    recipe: str
    limits: list[str]


@with_config(STRICT)
class Plugin(TypedDict):
    package: str
    version: str
    state: str
    reason: str
    provides: dict[str, list[str]]
    events: list[str]


@with_config(STRICT)
class Plugins(TypedDict):
    schema: Literal["handbone.plugins.list/1"]
    items: list[Plugin]


@with_config(STRICT)
class Step(TypedDict):
    name: str
    state: Literal["new", "reused", "continued", "redone"]
    sizes: NotRequired[str]


@with_config(STRICT)
class Plan(TypedDict):
    run: str
    synthetic: bool
    steps: list[Step]
    memory_gb: dict[str, float]


@with_config(STRICT)
class ComparePlan(TypedDict):
    schema: Literal["handbone.compare.plan/1"]
    items: list[Plan]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two labelled hands of one patient, and a file that is none beside them."""
    folder = tmp_path_factory.mktemp("types")
    write_contest_set(folder / "hands", train=2, test=1, seed=3, size=96, progress=False)
    (folder / "broken").mkdir()
    (folder / "broken" / "1.png").write_bytes(b"no image")
    cv2.imwrite(str(folder / "broken" / "2.png"), np.full((40, 30), 90, np.uint8))
    return folder


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        ("data check hands", 0, Check),
        ("data check broken", 1, Check),
        ("data summary hands", 0, Summary),
        ("recipes list", 0, Recipes),
        ("recipes validate two_stage nowhere.toml", 1, Validation),
        ("weights list", 0, WeightsList),
        ("weights info zero_shot", 0, WeightsInfo),
        ("plugins list", 0, Plugins),
        ("compare tiny two_stage --dry-run", 0, ComparePlan),
    ],
)
def test_every_cell_has_its_type(home, words, code, expected, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("HANDBONE_CACHE", str(home / "cache"))
    monkeypatch.setenv("HANDBONE_RUNS", str(home / "runs"))
    result = CliRunner().invoke(app, [*words.split(), "--json"])
    assert result.exit_code == code, result.output
    TypeAdapter(expected).validate_python(json.loads(result.stdout))


def test_an_integer_that_comes_as_1_0_is_found():
    with pytest.raises(ValueError, match="bytes"):
        TypeAdapter(WeightsFile).validate_python({"path": "a", "sha256": "b", "bytes": 1.0, "network": "c"})
