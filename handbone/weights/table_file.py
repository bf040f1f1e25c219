"""JSON files that hold a table, such as the cards of weights."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from handbone.core.errors import HandboneError
from handbone.recipe.table import Table

T = TypeVar("T", bound=Table)


def read_table(path: Path, kind: type[T], *, absent: str, remedy: str) -> T:
    """A JSON file's content as a table of this kind.

    Raises
    ------
    HandboneError: there is no such file (`absent` says what is missing), or it cannot be read.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise HandboneError(absent, where=path, remedy=remedy) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise HandboneError(f"cannot be read ({place}: {first['msg']})", where=path, remedy=remedy) from None
