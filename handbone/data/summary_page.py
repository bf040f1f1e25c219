"""A dataset's summary as a folder: CSV tables, images, and one HTML page that needs no other file."""

import base64
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.core.folders import atomic_dir
from handbone.core.samples import Sample
from handbone.data.cache import ImageCache
from handbone.data.dataset import Dataset
from handbone.data.summary import OUTLIER_Z, Summary
from handbone.data.summary_charts import area_chart, hand_image, overlap_chart, pose_chart

_MOST_PATIENTS, _MOST_OUTLIERS = 12, 12


@dataclass(frozen=True)
class _Image:
    name: str
    caption: str
    data: bytes

    @property
    def source(self) -> str:
        kind = "png" if self.name.endswith(".png") else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(self.data).decode()}"


def write_summary(summary: Summary, dataset: Dataset, folder: Path, cache: ImageCache) -> Path:
    """Write `summary.html`, the tables as CSV and the images into a new folder.

    Returns
    -------
    The page's path.

    Raises
    ------
    HandboneError: the folder exists and holds something.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HandboneError(
            "the folder already exists", where=folder, remedy="choose another folder, or remove this one first"
        )
    charts = []
    if len(summary.areas):
        charts = [
            _Image("areas.png", "Areas of the bones: the middle half, the range, and outliers", area_chart(summary)),
            _Image("pose.png", "Bend at the wrist", pose_chart(summary)),
            _Image("overlaps.png", "Overlaps: outputs have to be 29 separate masks", overlap_chart(summary)),
        ]
    hands = _both_hands(summary, dataset, cache)
    outliers = _outliers(summary, dataset, cache)
    tables = {
        "images": summary.images,
        "bones": summary.bones(),
        "overlaps": summary.overlaps,
        "outliers": summary.outliers(),
        "patients": summary.patients,
    }
    page = _template().render(
        root=dataset.root,
        layout=dataset.layout,
        facts=_facts(summary),
        charts=charts,
        hands=hands,
        outliers=outliers,
        left_out=summary.left_out,
        tables={name: _html(table) for name, table in tables.items()},
        sizes={name: len(table) for name, table in tables.items()},
        outlier_z=OUTLIER_Z,
    )
    with atomic_dir(folder) as temporary:
        (temporary / "summary.html").write_text(page, encoding="utf-8")
        for name, table in tables.items():
            table.to_csv(temporary / f"{name}.csv", index=False)
        for image in (*charts, *hands, *outliers):
            (temporary / image.name).write_bytes(image.data)
    return folder / "summary.html"


def _facts(summary: Summary) -> dict[str, str]:
    images = summary.images
    sizes = (images["width"].astype(str) + " x " + images["height"].astype(str)).value_counts()
    poses = images["pose"].value_counts()
    return {
        "images": ", ".join(f"{count} {split}" for split, count in images["split"].value_counts().items()),
        "patients": str(images["patient_id"].nunique()),
        "with labels": str(int(images["bones"].notna().sum())),
        "sizes": ", ".join(f"{size} ({count})" for size, count in sizes.head(3).items()),
        "poses": ", ".join(f"{count} {name}" for name, count in poses.items()) or "no labels",
        "outliers": str(len(summary.outliers())),
        "left out": str(len(summary.left_out)),
    }


def _both_hands(summary: Summary, dataset: Dataset, cache: ImageCache) -> list[_Image]:
    """Both hands of patients, those with a bent wrist first."""
    patients = summary.patients
    pairs = patients[patients["images"] == 2].copy()
    pairs["bend"] = pairs[["bend_first", "bend_second"]].astype(float).max(axis=1)
    shown = []
    samples = {sample.name: sample for sample in dataset.samples}
    for row in pairs.sort_values("bend", ascending=False).head(_MOST_PATIENTS).itertuples():
        for name, bend in ((row.first, row.bend_first), (row.second, row.bend_second)):
            caption = f"{row.patient_id}: {name}" + ("" if pd.isna(bend) else f", bend {bend:.0f}°")
            shown.append(_draw(f"hand-{_stem(name)}.jpg", caption, samples[name], dataset, cache, None))
    return shown


def _outliers(summary: Summary, dataset: Dataset, cache: ImageCache) -> list[_Image]:
    samples = {sample.name: sample for sample in dataset.samples}
    shown = []
    for name, group in list(summary.outliers().groupby("image_name", sort=False))[:_MOST_OUTLIERS]:
        marked = {anatomy.INDEX[row.bone]: f"{row.bone} z {row.z:+.1f}" for row in group.itertuples()}
        caption = f"{name}: {', '.join(marked.values())}"
        shown.append(_draw(f"outlier-{_stem(name)}.jpg", caption, samples[name], dataset, cache, marked))
    return shown


def _stem(name: str) -> str:
    """A sample's name, which may be a path, as part of a file's name."""
    return str(Path(name).with_suffix("")).replace("/", "-").replace("\\", "-")


def _draw(
    name: str, caption: str, sample: Sample, dataset: Dataset, cache: ImageCache, marked: dict[int, str] | None
) -> _Image:
    polygons = dataset.labels(sample).polygons if sample.annotation is not None else {}
    return _Image(name, caption, hand_image(cache.open(sample.image), polygons, marked=marked))


def _html(table: pd.DataFrame) -> str:
    return table.head(300).to_html(index=False, border=0, na_rep="", float_format=lambda v: f"{v:.3g}")


def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("handbone.data", ".")
    return jinja2.Environment(loader=loader, autoescape=True).get_template("summary.html.jinja")
