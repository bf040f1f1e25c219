"""What a set of weights says of itself: card.json for programs, MODEL_CARD.md for users."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

import handbone
from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of, write_json, write_text
from handbone.recipe.schema import Table
from handbone.weights.table_file import read_table

CARD_FILE, MODEL_CARD_FILE = "card.json", "MODEL_CARD.md"
StageFile = Literal["coarse.safetensors", "refiner.safetensors", "prior.safetensors"]
STAGE_FILES: dict[str, StageFile] = {
    "coarse": "coarse.safetensors",
    "refiner": "refiner.safetensors",
    "prior": "prior.safetensors",
}

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
# In a recipe, `refine.weights = "coarse"` is the run's own coarse network.
_RESERVED = ("coarse", "refiner")


class FileFacts(Table):
    """One weights file of a set: its digest, its size in bytes, and its network in words."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    network: str = ""


class SetCard(Table):
    """What card.json holds.

    Parameters
    ----------
    name: what recipes and commands call the set.
    summary: one line for users. licence: SPDX identifier of the weights' licence.
    data: what it was trained on. recipe: the recipe that trained it, as TOML.
    metrics: measured quality, name to number or to extra metrics.
    limits: sentences that say where it is not to be trusted.
    files: "coarse.safetensors", for both stages "refiner.safetensors", and "prior.safetensors" of an anatomical prior.
    handbone: version that made the set. created: date, YYYY-MM-DD.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    summary: str = ""
    licence: str = "not stated"
    data: str = "Not stated."
    recipe: str = ""
    metrics: dict[str, Any] = Field(default_factory=dict)
    limits: tuple[str, ...] = ()
    files: dict[StageFile, FileFacts]
    handbone: str = handbone.__version__
    created: str = Field(default_factory=lambda: datetime.now(UTC).date().isoformat())

    @property
    def shown_limits(self) -> tuple[str, ...]:
        """The limits for users, among them that it is no medical device, whoever made the set."""
        said = any("not a medical device" in limit for limit in self.limits)
        return (
            self.limits
            if said
            else (*self.limits, "It is not a medical device and has not been validated for clinical use.")
        )

    @field_validator("files")
    @classmethod
    def _has_coarse(cls, value: dict[str, FileFacts]) -> dict[str, FileFacts]:
        if STAGE_FILES["coarse"] not in value:
            raise ValueError(f"files lacks {STAGE_FILES['coarse']}")
        return value


def is_name(text: str) -> bool:
    """Whether a set may have this name."""
    return bool(_NAME.fullmatch(text)) and text not in _RESERVED


def check_name(name: str) -> str:
    """The name itself.

    Raises
    ------
    HandboneError: a set may not be called that.
    """
    if not is_name(name):
        remedy = "use lower-case letters, digits, '_', '-' and '.', and give it with --name"
        raise HandboneError(f"{name!r} is not a valid name for weights", remedy=remedy)
    return name


def read_set_card(folder: Path) -> SetCard:
    """The card of a set's folder.

    Raises
    ------
    HandboneError: there is none, or it cannot be read.
    """
    remedy = "create or fetch the set again; 'handbone weights pack' writes one"
    return read_table(Path(folder) / CARD_FILE, SetCard, absent="there is no card", remedy=remedy)


def seal(folder: Path, **facts: Any) -> SetCard:
    """Describe the weights files that lie in a folder: writes card.json and MODEL_CARD.md beside them.

    Parameters
    ----------
    facts: fields of `SetCard` beside files.

    Raises
    ------
    HandboneError: a file that is no weights file of handbone, or of another stage than its name says.
    """
    listed: dict[StageFile, FileFacts] = {}
    for stage, name in STAGE_FILES.items():
        path = Path(folder) / name
        if path.is_file():
            listed[name] = FileFacts(sha256=sha256_of(path), bytes=path.stat().st_size, network=network_of(path, stage))
    card = SetCard(files=listed, **facts)
    write_json(Path(folder) / CARD_FILE, card.model_dump(mode="json"))
    write_text(Path(folder) / MODEL_CARD_FILE, model_card(card))
    return card


def network_of(path: Path, stage: str) -> str:
    """A weights file's network in words.

    Raises
    ------
    HandboneError: it is no weights file of handbone, or one of another stage.
    """
    from handbone.weights.network_file import read_card

    card = read_card(path)
    # As in TwoStage: what counts is that they are not confused.
    if any((card.stage == one) != (stage == one) for one in ("coarse", "prior")):
        raise HandboneError(
            f"these weights belong to the stage '{card.stage}', but a {stage} network is needed",
            where=path,
            remedy="give a run's folder, or a .zip with both stages",
        )
    return f"{card.network}, {card.size} x {card.size} pixels"


def model_card(card: SetCard) -> str:
    """MODEL_CARD.md: what the card says, for users."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("handbone.weights", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("model_card.md.jinja").render(card=card, metrics=flat(card.metrics))


def flat(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """(name, value) rows of metrics, nested ones with their names joined by commas."""
    rows: list[tuple[str, str]] = []
    for name, value in metrics.items():
        title = f"{prefix}{name}"
        if isinstance(value, Mapping):
            rows += flat(value, f"{title}, ")
        else:
            rows.append((title, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return rows
