"""Labels and predictions of the same images, joined by name and read one image at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.evaluation.classes import ScoredClass, in_classes
from handbone.formats.image_files import Invert, read_image
from handbone.formats.image_names import ImageNames
from handbone.measure import Scale
from handbone.workflows.evaluation.truth import Labelled, LabelledImage
from handbone.workflows.masks.source import MaskSource

#: The stages of tables: masks to compare with, where there are any, and those that are judged.
AGAINST: str = "against"
PREDICTION: str = "prediction"


@dataclass(frozen=True, eq=False)
class Pair:
    """One image with the masks of every source.

    ground_truth, stages: all bones as they were read; `Pairs.scored` gives those of the classes.
    """

    image: LabelledImage
    ground_truth: BoneMasks
    stages: Mapping[str, BoneMasks]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Images that labels and all sources have.

    Parameters
    ----------
    names: image to what each source calls it, by stage.
    without_prediction: labelled images that a source lacks, by stage. without_labels: the other way round.
    """

    classes: tuple[ScoredClass, ...]
    sources: Mapping[str, MaskSource]
    images: tuple[LabelledImage, ...]
    names: Mapping[str, Mapping[str, str]]
    without_prediction: Mapping[str, tuple[str, ...]]
    without_labels: Mapping[str, tuple[str, ...]]

    @classmethod
    def join(cls, labels: Labelled, sources: Mapping[str, MaskSource], classes: tuple[ScoredClass, ...]) -> "Pairs":
        """Join by name: paths may begin in other folders and lack extensions.

        Raises
        ------
        HandboneError: a source that has none of the images, or run lengths of another way.
        """
        matched = {stage: _match(labels, source) for stage, source in sources.items()}
        both = [image for image in labels.images if all(image.key in found for found in matched.values())]
        pairs = cls(
            classes,
            sources,
            tuple(both),
            {image.key: {stage: found[image.key] for stage, found in matched.items()} for image in both},
            {s: tuple(i.name for i in labels.images if i.key not in found) for s, found in matched.items()},
            {s: tuple(sorted(set(sources[s].names) - set(found.values()))) for s, found in matched.items()},
        )
        for stage, source in sources.items():
            if not matched[stage]:
                example = f"such as {source.names[0]!r}" if source.names else "which has none"
                what = f"none of the {len(labels.images)} labelled images is among the predictions, {example}"
                remedy = f"images are joined by name, such as {labels.images[0].key!r}"
                raise HandboneError(what, where=source.path, remedy=remedy)
            source.check(pairs._sizes(stage))
        if not both:
            raise HandboneError("no image has labels and both predictions", remedy="predict the same images with both")
        return pairs

    def read(self, image: LabelledImage) -> Pair:
        """One image; HandboneError where its labels or masks cannot be read, or are of different sizes."""
        truth = image.load()
        of = self.names[image.key]
        return Pair(image, truth, {s: source.masks(of[s], truth.size_hw) for s, source in self.sources.items()})

    def scored(self, masks: BoneMasks) -> BoneMasks:
        """Masks of the classes, each in the place of its first bone."""
        return in_classes(masks, self.classes)

    def scale(self, image: LabelledImage, mm_per_px: float | None, invert: Invert) -> Scale:
        """How large a pixel is: the user's word, what the radiograph says, or what `handbone predict` recorded."""
        if mm_per_px is not None:
            return Scale("user", (mm_per_px, mm_per_px))
        if image.image is not None and (found := Scale.of(read_image(image.image, invert=invert))).spacing_mm:
            return found
        for stage in (PREDICTION, AGAINST):
            if stage in self.sources:
                recorded = self.sources[stage].recorded.get(self.names[image.key][stage], {})
                if recorded.get("spacing_mm"):
                    return Scale.recorded(tuple(recorded["spacing_mm"]), recorded.get("spacing_source", ""))
        return Scale()

    def _sizes(self, stage: str) -> Iterator[tuple[str, tuple[int, int]]]:
        for image in self.images:
            try:
                yield self.names[image.key][stage], image.load().size_hw
            except HandboneError:  # what cannot be read is said of its image later on
                continue


def _match(labels: Labelled, source: MaskSource) -> dict[str, str]:
    """Key of each image to the one prediction that means it, and it alone."""
    keys, names = ImageNames([image.key for image in labels.images]), ImageNames(source.names)
    found = {image.key: names.find(image.key) for image in labels.images}
    return {key: name for key, name in found.items() if name is not None and keys.find(name) == key}
