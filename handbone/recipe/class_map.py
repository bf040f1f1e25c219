"""Class maps: what the classes of other people's labels are called, and which bones each of them holds."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from pydantic import Field, ValidationError, field_validator

from handbone import anatomy
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.core.files import expanded
from handbone.core.samples import Side
from handbone.recipe.table import Table
from handbone.recipe.toml import loads

#: What a class is mapped to that is left out, and what joins the bones of a class that holds several.
SKIP, UNION = "skip", "+"
_SHIPPED = Path(__file__).with_name("class_maps")


def bones_of(value: str) -> tuple[int, ...]:
    """The bones that a class is mapped to, in the order in which they are named; none for "skip".

    >>> bones_of("Triquetrum+Pisiform")
    (25, 26)

    Raises
    ------
    UnknownNameError: a bone that there is not.
    """
    names = [] if value == SKIP else [name.strip() for name in value.split(UNION)]
    for name in names:
        if name not in anatomy.INDEX:
            raise UnknownNameError("bone", name, anatomy.NAMES)
    return tuple(anatomy.INDEX[name] for name in names)


class ClassMapFile(Table):
    """The keys of a class map's TOML file."""

    title: str = Field(default="", description="the data set whose classes these are")
    source: str = Field(default="", description="where their names stand")
    complete: bool = Field(default=False, description="whether these are all classes; bones without one are not scored")
    skip: tuple[str, ...] = Field(default=(), description="classes to leave out")
    left: str = Field(default="", description="regular expression that the file names of left hands match")
    right: str = Field(default="", description="the same of right hands")
    classes: dict[str, str | tuple[str, ...]] = Field(description="class to its bone, or to the bones that it merges")

    @field_validator("left", "right")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is not a regular expression ({error})") from None
        return value


@dataclass(frozen=True)
class ClassMap:
    """The classes of a data set.

    Parameters
    ----------
    name: what the map is called. classes: class name to its bones; several are merged in it, none is left out.
    complete: whether these are all classes that labels have.
    left, right: what the end of a file's name looks like; empty where names do not say it.
    """

    name: str = ""
    classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    complete: bool = False
    left: str = ""
    right: str = ""

    @classmethod
    def load(cls, word: str | Path) -> "ClassMap":
        """A map that comes with handbone, such as "ram_h1200", or a TOML file.

        Raises
        ------
        HandboneError: there is none, or the file is not a class map; with file and key.
        """
        shipped = {path.stem: path for path in sorted(_SHIPPED.glob("*.toml"))}
        path = shipped.get(str(word), expanded(word))
        try:
            content = ClassMapFile(**loads(path.read_text(encoding="utf-8")))
            classes = {name: _bones(value) for name, value in content.classes.items()}
        except FileNotFoundError:
            if path.suffix == ".toml":
                raise HandboneError("no such class map", where=path, remedy="check the path") from None
            raise UnknownNameError("class map", str(word), shipped) from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise HandboneError(f"cannot be read as TOML ({error})", where=path) from None
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            what = f"{key}: {first['msg'].removeprefix('Value error, ')}"
            raise HandboneError(what, where=path, remedy="docs/pages/evaluate.md shows the keys") from None
        except UnknownNameError as error:
            raise HandboneError(error.what, where=path, remedy=error.remedy) from None
        skipped: dict[str, tuple[int, ...]] = {name: () for name in content.skip}
        return cls(path.stem, classes | skipped, content.complete, content.left, content.right)

    @classmethod
    def parse(cls, words: Iterable[str]) -> "ClassMap":
        """From words of a command line: CLASS=BONE, or a map as `load` takes it; later words count where two differ.

        >>> ClassMap.parse(["os capitatum=Capitate", "soft=skip"]).table()
        {'os capitatum': 'Capitate', 'soft': 'skip'}

        Raises
        ------
        HandboneError: as `load`, an unknown bone, or a word that is neither.
        """
        found = cls()
        for word in words:
            name, equals, bones = (part.strip() for part in word.partition("="))
            if equals and not (name and bones):
                raise HandboneError("write CLASS=BONE", where=word)
            if equals:
                found = replace(found, classes={**found.classes, name: bones_of(bones)})
            else:
                loaded = cls.load(word)
                found = replace(loaded, classes={**found.classes, **loaded.classes})
        return found

    def table(self) -> dict[str, str]:
        """The map as `data.class_map` has it: class to "Lunate", "Triquetrum+Pisiform" or "skip"."""
        return {name: UNION.join(anatomy.NAMES[bone] for bone in bones) or SKIP for name, bones in self.classes.items()}

    def side_and_patient(self, key: str) -> tuple[Side, str] | None:
        """A hand's side and patient from an image's path; None where its name does not say the side.

        >>> ClassMap(left="L$", right="R$").side_and_patient("a/0012_L.bmp")
        ('L', 'a/0012')
        """
        path = PurePosixPath(key)
        sides: tuple[tuple[Side, str], ...] = (("L", self.left), ("R", self.right))
        for side, pattern in sides:
            if pattern and (match := re.search(pattern, path.stem)):
                return side, str(path.parent / (path.stem[: match.start()].rstrip("_- ") or path.stem))
        return None


def _bones(value: str | tuple[str, ...]) -> tuple[int, ...]:
    return bones_of(value if isinstance(value, str) else UNION.join(value))
