"""The built-in recipes."""

from pathlib import Path

from handbone.core.errors import UnknownNameError

_PACKAGE = Path(__file__).parents[1]


def builtin_recipes() -> dict[str, Path]:
    """Every built-in recipe's name and TOML file, in the order of their names."""
    # A wheel carries them inside the package; in a checkout they lie at the top, where users look for them.
    for folder in (_PACKAGE / "recipes", _PACKAGE.parent / "recipes"):
        found = sorted(folder.glob("*.toml"))
        if found:
            return {path.stem: path for path in found}
    return {}


def builtin_recipe(name: str) -> Path:
    """The file of one built-in recipe, with or without `.toml`.

    Raises
    ------
    UnknownNameError: for a name that is none of them.
    """
    known = builtin_recipes()
    stem = name.removesuffix(".toml")
    if stem not in known:
        raise UnknownNameError("built-in recipe", name, known)
    return known[stem]
