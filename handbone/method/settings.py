"""Everything beside the networks' tensors that decides a mask: one value, kept in the card of the coarse network."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError

from handbone.core.errors import HandboneError
from handbone.method.calibration.confidence import Confidence
from handbone.method.calibration.gate import Gate
from handbone.method.calibration.presence import Presence
from handbone.method.tta import views_of
from handbone.recipe import schema
from handbone.weights import find_weights
from handbone.weights.network_file import WeightsCard, read_card

#: Under this key a coarse network's card holds the settings.
METHOD = "method"
# Limits that refuse nothing, so that each mask shows what it would do.
_OPEN = {"min_agreement": 0.0, "area_ratio": (0.0, 1e9), "max_shift": 1e9}


class RefinerSettings(schema.Table):
    """What the second stage needs beside its network."""

    roi: schema.Roi = schema.Roi()
    merge: schema.Merge = schema.Merge()
    bones: schema.Bones = Field(default=("wrist",), description="bones and groups that it returns")
    coarse_channels: bool = Field(default=False, description="it reads the coarse masks as further channels")
    extra_rois: tuple[schema.ExtraRoi, ...] = Field(default=(), description="further ROIs")
    random_rois: bool = Field(default=False, description="it has learned ROIs around any bone")
    gate: Gate | None = Field(default=None, description="chances of degradation, calibrated out of fold")
    flip_safe: bool = Field(
        default=True, description="it knows mirrored ROIs; one that was always shown a right hand errs there"
    )

    @classmethod
    def from_recipe(cls, recipe: schema.Recipe) -> Self:
        """The settings of a recipe; those of a recipe without a refiner are the defaults."""
        refine = recipe.refine or schema.Refine()
        return cls(
            roi=recipe.roi,
            merge=recipe.merge,
            bones=refine.bones,
            coarse_channels=refine.coarse_channels,
            extra_rois=refine.extra_rois,
            random_rois=refine.random_roi_probability > 0,
            flip_safe=refine.augment.flip > 0 or not recipe.roi.mirror,
        )


class PromptSettings(schema.Table):
    """What a prompted stage needs beside its network.

    Parameters
    ----------
    gate: chances of degradation, calibrated out of fold; None: the limits of `merge` and `prompt` alone decide.
    """

    prompt: schema.Prompt
    roi: schema.Roi = schema.Roi()
    merge: schema.Merge = schema.Merge()
    gate: Gate | None = None

    @classmethod
    def from_recipe(cls, recipe: schema.Recipe) -> Self:
        """The settings of a recipe that has the stage."""
        assert recipe.prompt is not None
        return cls(prompt=recipe.prompt, roi=recipe.roi, merge=recipe.merge)

    @property
    def limits(self) -> schema.Merge:
        """The fixed limits of the gate: a prompted mask has to agree more with the one before than a refined one.

        It is taken whole: prompted probabilities are no network's that reads bones, and are not averaged.
        """
        least = max(self.merge.min_agreement, self.prompt.min_agreement)
        return self.merge.model_copy(update={"min_agreement": least, "share": 1.0, "cautious_share": 0.0})


class PriorSettings(schema.Table):
    """How the anatomical prior is used. What is not said is off: masks are judged, and stay as they are."""

    rename: bool = Field(default=False, description="put exchanged names right")
    repair: schema.Bones | None = Field(
        default=None, description="bones and groups whose spurs and bites are mended; null: none"
    )


class MethodSettings(schema.Table):
    """How trained networks become masks. A stage without settings, or without its network, is left out."""

    threshold: float = Field(default=0.5, gt=0, lt=1, description="probability from which a pixel belongs to a bone")
    invert: Literal["auto", "yes", "no"] = Field(default="auto", description="how files are read, see `read_image`")
    precision: Literal["auto", "32", "bf16"] = Field(default="auto", description="numbers to calculate with")
    flip_tta: bool = Field(default=False, description="average with the mirrored image")
    views: tuple[schema.ViewName, ...] = Field(default=(), description="average these views")
    find_hand: schema.Size | None = Field(
        default=None, description="side of the passes that find the hand; None: it fills the image"
    )
    postprocess: bool = Field(default=False, description="keep one piece of each bone, without holes")
    presence: Presence | None = Field(default=None, description="how sure a bone has to be")
    confidence: Confidence | None = Field(default=None, description="how likely a mask is good, as people read it")
    refiner: Annotated[RefinerSettings | None, Field(description="the second stage")] = None
    prompt: Annotated[PromptSettings | None, Field(description="the prompted stage")] = None
    prior: Annotated[PriorSettings | None, Field(description="the anatomical prior")] = None

    @classmethod
    def from_recipe(cls, recipe: schema.Recipe, *, prior: PriorSettings | None = None) -> Self:
        """The settings of a recipe, before anything is calibrated. prior: how the prior is used that it names."""
        return cls(
            threshold=recipe.predict.threshold,
            invert=recipe.data.invert,
            precision=recipe.predict.precision,
            flip_tta=recipe.predict.flip_tta,
            views=recipe.predict.views,
            find_hand=recipe.predict.find_hand,
            # Where a hand has to be found first, bones are one piece; elsewhere networks have the last word.
            postprocess=recipe.predict.find_hand is not None,
            refiner=None if recipe.refine is None else RefinerSettings.from_recipe(recipe),
            prompt=None if recipe.prompt is None else PromptSettings.from_recipe(recipe),
            prior=prior,
        )

    @classmethod
    def from_card(cls, card: WeightsCard, *, where: Path) -> Self:
        """What a coarse network's card says; the defaults where it says nothing, as one that was just trained.

        Raises
        ------
        HandboneError: settings of another version of handbone.
        """
        if not card.extra:
            return cls(refiner=RefinerSettings(), prior=PriorSettings())
        remedy = "make the weights again with this version of handbone"
        if METHOD not in card.extra:
            raise HandboneError("its card has no settings of the method", where=where, remedy=remedy)
        try:
            return cls.model_validate(card.extra[METHOD])
        except ValidationError as error:
            first = error.errors()[0]
            what = f"its settings cannot be read ({'.'.join(map(str, first['loc']))}: {first['msg']})"
            raise HandboneError(what, where=where, remedy=remedy) from None

    def to_card(self, card: WeightsCard) -> WeightsCard:
        """A coarse network's card that holds the settings."""
        return card.model_copy(update={"extra": {METHOD: self.model_dump(mode="json", by_alias=True)}})

    def but(self, **changes: Any) -> Self:
        """The same with some fields changed; a change to None leaves the field as it is.

        Raises
        ------
        UnknownNameError: views that there are not.
        pydantic.ValidationError: another value that the field does not take.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        views_of(given.get("views", ()))
        return type(self).model_validate({**dict(self), **given})

    def with_gates(self, gate: Gate | None, prompt_gate: Gate | None = None) -> Self:
        """The same with other calibrated gates; None: the fixed limits alone decide."""
        return self._with_stages({"gate": gate}, {"gate": prompt_gate})

    def accepting_everything(self, *, share: float | None = None) -> Self:
        """The same without limits, gates and presence: every mask of a later stage is taken, and none is left out.

        share: of the refined probabilities, in place of `merge.share`.
        """
        refiner: dict[str, Any] = {"gate": None}
        prompt: dict[str, Any] = {"gate": None}
        if self.refiner is not None:
            taken = self.refiner.merge.share if share is None else share
            refiner["merge"] = self.refiner.merge.model_copy(update={**_OPEN, "share": taken, "cautious_share": 0.0})
        if self.prompt is not None:
            prompt["merge"] = self.prompt.merge.model_copy(update=_OPEN)
            prompt["prompt"] = self.prompt.prompt.model_copy(update={"min_agreement": 0.0})
        return self._with_stages(refiner, prompt).model_copy(update={"presence": None})

    def _with_stages(self, refiner: dict[str, Any], prompt: dict[str, Any]) -> Self:
        return self.model_copy(
            update={
                "refiner": self.refiner and self.refiner.model_copy(update=refiner),
                "prompt": self.prompt and self.prompt.model_copy(update=prompt),
            }
        )


def read_settings(weights: str | Path) -> MethodSettings:
    """The settings that weights carry, without reading a tensor.

    Parameters
    ----------
    weights: a run folder, a folder of weights, the file of a coarse network alone, or a known name.

    Raises
    ------
    HandboneError: no weights there, or a card that cannot be read.
    """
    path = find_weights(weights)[0]
    return MethodSettings.from_card(read_card(path), where=path)
