"""What the training may be told on its command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, field_validator

from handbone.networks.runtime import cores
from handbone.recipe.schema import Share, Table

NETWORKS = ("coarse", "refiner", "prior", "fusion")
_SHIPPED = Path(__file__).resolve().parents[2] / "handbone" / "weights" / "zero_shot"


def _names(value: str | Sequence[str]) -> Sequence[str]:
    return value.split(",") if isinstance(value, str) else value


class Settings(Table):
    """The options; each is a key here with '-' for '_'."""

    model_config = ConfigDict(frozen=True)

    out: Path = Field(description="folder for weights, log and state")
    networks: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        default=("coarse", "refiner"), description="any of coarse, refiner and prior, joined by commas; or fusion"
    )
    start: Path = Field(default=_SHIPPED, description="folder of the weights to start from")
    known: Path | None = Field(
        default=None, description="folder of the refiner whose fusion is trained on, by default that of --start"
    )
    seconds: PositiveFloat = Field(default=540, description="how long to train; the rate falls to 0 along it")
    workers: PositiveInt = Field(default=max(1, cores() - 1), description="processes that draw hands")
    ring: PositiveInt = Field(default=3000, description="hands that the device holds, 10 MB each, or 2 of masks alone")
    first: PositiveInt = Field(default=200, description="hands to wait for before the first step")
    fresh: PositiveInt = Field(default=16, description="most new hands of a step")
    batch_coarse: PositiveInt = Field(default=24, description="samples of a step of the coarse network")
    batch_refiner: PositiveInt = Field(default=20, description="ROIs of a step of the refiner")
    batch_prior: PositiveInt = Field(default=32, description="hands of a step of the prior")
    batch_fusion: PositiveInt = Field(default=20, description="hands of a step of the fusion")
    rate: PositiveFloat = Field(default=1e-3, description="highest learning rate of coarse network and refiner")
    rate_prior: PositiveFloat = Field(default=2e-3, description="highest learning rate of the prior")
    rate_fusion: PositiveFloat | None = Field(
        default=None, description="highest learning rate of the fusion; by default 3e-3, of a trained one 2e-3"
    )
    adult_share: Share = Field(default=0.5, description="share of upright adults among the hands")
    norm_batches: PositiveInt = Field(default=60, description="batches that set the batch-norm statistics at the end")
    seed: int = Field(default=20261126, ge=0, description="of everything random")
    save_every: PositiveFloat = Field(default=120, description="seconds between two saved states")
    resume: bool = Field(default=False, description="continue from the state in --out")

    @field_validator("networks")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value) or not set(value) <= set(NETWORKS):
            raise ValueError(f"expected some of {','.join(NETWORKS)}, each once")
        if "fusion" in value and len(value) > 1:
            raise ValueError("the fusion learns from networks that learn no more, and so alone")
        return value

    def batch(self, network: str) -> int:
        """Samples of a step of a network."""
        return getattr(self, f"batch_{network}")

    def rate_of(self, network: str) -> float:
        """The highest learning rate of a network."""
        return self.rate_prior if network == "prior" else self.rate


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """The settings of a command line, by default of this process; ends the process where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="train.py",
        description="Train the shipped networks on synthetic hands, on one accelerator, against the clock.",
    )
    for name, field in Settings.model_fields.items():
        flag, described = f"--{name.replace('_', '-')}", field.description
        if field.annotation is bool:
            parser.add_argument(flag, action="store_true", help=described)
        else:
            default = field.default
            shown = ",".join(default) if isinstance(default, tuple) else default
            described += "" if field.is_required() or default is None else f" (default: {shown})"
            parser.add_argument(flag, required=field.is_required(), default=argparse.SUPPRESS, help=described)
    try:
        return Settings.model_validate(vars(parser.parse_args(arguments)))
    except ValidationError as error:
        first = error.errors()[0]
        parser.error(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}")
