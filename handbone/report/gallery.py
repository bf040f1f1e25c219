"""Pages of outlined radiographs to look through: doubtful ones first, each with its reasons, and a verdict to give."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import handbone
from handbone.core.files import atomic_file
from handbone.report.templates import KINDS, Kind, template

#: Of a folder with several pages: what all of them show.
LIST_FILE = "page/listed.js"


@dataclass(frozen=True)
class BoneShape:
    """A bone of a card: its index, the `d` of an SVG path, its confidence, and whether a flag names it."""

    bone: int
    d: str
    confidence: float
    doubtful: bool


@dataclass(frozen=True)
class Card:
    """One result on a page; all texts are as they are shown, before HTML is escaped.

    Parameters
    ----------
    name: of the image or the hand. key: under which its verdict is kept. kind: which filter shows it.
    facts: what is said beside the name, such as the size. flags: reasons to look again, in words.
    size_hw: height and width that the paths are drawn for; None without an image.
    image, overlay: addresses of a JPEG of that size and of the whole overlay, relative to the page.
    bones: large ones first. measurements: (measure, of what, value, note) each.
    """

    name: str
    key: str
    kind: Kind
    facts: str
    flags: tuple[str, ...] = ()
    size_hw: tuple[int, int] | None = None
    image: str = ""
    overlay: str = ""
    bones: tuple[BoneShape, ...] = ()
    measurements: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True)
class Listed:
    """What every page knows of a card, whichever page shows it: its name in tables, key and kind."""

    name: str
    key: str
    kind: Kind


def card_html(card: Card) -> str:
    """A card by itself, for pages that get them one after the other."""
    return template("viewer.html.jinja").module.one_card(card)  # type: ignore[attr-defined]


def write_list(folder: Path, listed: Iterable[Listed]) -> None:
    """Write what all pages of a folder show to one file, so that pages do not grow with their number.

    Browsers let no page on a disk read JSON beside it, but scripts.
    """
    with atomic_file(folder / LIST_FILE) as temporary, open(temporary, "w", encoding="ascii") as file:
        file.write("window.handboneListed = [\n")
        for each in listed:
            file.write(f"{json.dumps(_entry(each))},\n")
        file.write("];\n")


def _entry(listed: Listed) -> list[str]:
    return [listed.name, listed.key, listed.kind]


def write_gallery(
    path: Path,
    cards: Iterable[Card],
    *,
    page: Sequence[Listed],
    counts: Mapping[Kind, int],
    pages: Sequence[str],
    number: int,
    weights: str,
) -> None:
    """Write one page atomically; one card is in memory at a time. Several pages also need `write_list`.

    Parameters
    ----------
    path: the HTML file.
    cards: those of the page, in their order. page: the same, as far as they are listed.
    counts: of all pages' cards by their kind. pages: names of all pages' files. number: which of them this is, from 0.
    weights: the name of what made the predictions.
    """
    stream = template("gallery.html.jinja").stream(
        cards=cards,
        listed=[_entry(each) for each in page],
        list_file=LIST_FILE,
        total=sum(counts.values()),
        kinds=[(kind, label, sum(each.kind == kind for each in page)) for kind, label in KINDS.items()],
        counts=counts,
        on_page=len(page),
        pages=pages,
        number=number,
        weights=weights,
        version=handbone.__version__,
    )
    with atomic_file(path) as temporary:
        stream.dump(str(temporary), encoding="utf-8")
