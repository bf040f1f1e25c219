"""The disabled plugins, listed in a small file so that they are not even imported."""

import json
import os
import re
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.files import expanded, write_json


def plain(name: str) -> str:
    """A package's name as installers compare it: `Handbone_X` is `handbone-x`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def config_folder() -> Path:
    """The folder of a user's settings: what the variable HANDBONE_CONFIG says, else the user's config folder."""
    if told := os.environ.get("HANDBONE_CONFIG"):
        return expanded(told)
    import platformdirs

    return platformdirs.user_config_path("handbone")


def path() -> Path:
    """The file; it need not exist."""
    return config_folder() / "plugins.json"


def names() -> set[str]:
    """The disabled packages, with normalised names.

    Raises
    ------
    HandboneError: the file is not what `switch` writes.
    """
    try:
        listed = json.loads(path().read_text(encoding="utf-8"))["disabled"]
        return {plain(name) for name in listed}
    except FileNotFoundError:
        return set()
    except (ValueError, TypeError, KeyError):
        remedy = "delete the file, which enables all plugins"
        raise HandboneError("is not a list of disabled plugins", where=path(), remedy=remedy) from None


def switch(name: str, *, on: bool) -> bool:
    """Enable or disable a package from the next command on; whether that changed anything."""
    before = names()
    after = before - {plain(name)} if on else before | {plain(name)}
    if after != before:
        write_json(path(), {"disabled": sorted(after)})
    return after != before
