"""A folder of images whose labels are the run lengths of one CSV, as in the contest's prediction files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from handbone.anatomy import NAMES
from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.labels import Labels
from handbone.core.rle_reading import RleReading
from handbone.core.samples import Sample, relative_to
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.image_files import read_image
from handbone.formats.image_names import ImageNames
from handbone.formats.image_search import images_under
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.patients import patients_of
from handbone.formats.rle_recognition import refuse_if_suspected

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".csv.zip")


@dataclass(frozen=True)
class RleTable:
    """Images with one table of run lengths.

    Parameters
    ----------
    root: the folder. annotations: the table, relative to it; by default the only one in the folder.
    reading: how run lengths are meant; unset for the contest's way.
    """

    root: Path
    annotations: str | None = None
    reading: RleReading | None = None
    name: str = "csv"

    @cached_property
    def _index(self) -> PredictionsIndex:
        if self.annotations:
            return PredictionsIndex(self.root / self.annotations)
        tables = [path for path in sorted(self.root.iterdir()) if path.name.lower().endswith(SUFFIXES)]
        if len(tables) != 1:
            remedy = "name the CSV by data.annotations"
            raise HandboneError(f"there are {len(tables)} tables in the folder", where=self.root, remedy=remedy)
        return PredictionsIndex(tables[0])

    @property
    def label_files(self) -> set[Path]:
        """The table."""
        return {self._index.path}

    @cached_property
    def _names(self) -> dict[Path, str]:
        """What the table calls each image; filled by `list_samples`."""
        return {}

    def list_samples(self) -> tuple[list[Sample], list[Finding]]:
        """Every image, with findings about those without a row and rows without an image."""
        images, problems = images_under(self.root), []
        known, table = ImageNames(images), relative_to(self._index.path, self.root)
        for name in self._index.names:
            image = known.find(name)
            if image is None:
                message, remedy = f"has rows of {name!r}, which is not in the folder", "add the image"
                problems.append(Finding("error", "no-image", table, message, remedy))
            elif image in self._names:
                message = f"has rows of {name!r}, which is {self._names[image]!r} by another name"
                remedy = "write one name for an image; until then the first one is used"
                problems.append(Finding("error", "repeated-image", table, message, remedy))
            else:
                self._names[image] = name
        samples = []
        for image, (side, patient) in patients_of(self.root, images).items():
            labels = self._index.path if image in self._names else None
            samples.append(Sample(image.name, image, labels, patient, side, shared_annotation=True))
            if labels is None:
                message, remedy = (
                    "the table has no row of this image",
                    "add its rows",
                )
                problems.append(Finding("error", "no-annotation", relative_to(image, self.root), message, remedy))
        return samples, problems

    def read_labels(self, sample: Sample) -> Labels:
        """The contours of the masks, holes apart; a bone without a row has no label."""
        name, image = self._names[sample.image], read_image(sample.image).image
        cells, stated = self._index.cells(name), self._index.size_hw(name)
        builder = LabelsBuilder(relative_to(sample.image, self.root), image.shape, {})
        try:
            if stated not in (None, image.shape):
                sizes = f"the table says {stated[1]} x {stated[0]}, the image has {image.shape[1]} x {image.shape[0]}"
                raise HandboneError(sizes, remedy="check that it is the same image")
            if self.reading is None and stated is None:
                refuse_if_suspected(None, [(name, cells, image.shape, image)])
            masks = (self.reading or RleReading()).masks(cells, image.shape)
        except HandboneError as error:
            what = f"{error.where}: {error.what}" if error.where in NAMES else error.what
            builder.note("error", "broken-run-lengths", what, error.remedy or "export them again")
            return builder.finish()
        for bone, contours in masks.polygons().items():
            for outline in contours:
                builder.add(bone, outline if len(outline) > 2 else outline.repeat(3, 0))
        return builder.finish()
