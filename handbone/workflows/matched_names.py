"""Names of images in two places, joined: copies for annotation tools are called a little differently."""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from handbone.formats.image_names import ImageNames


def matched(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Each of some names to the one that means the same image, where there is one.

    A copy for an annotation tool may have another extension than its radiograph, or one more. An image that several
    names may mean is none's.
    """
    names, others = set(names), set(others)
    found = {name: name for name in names & others}
    known = ImageNames(sorted(others - found.keys()))
    guessed = {name: known.find(name) or known.find(name.rsplit(".", 1)[0]) for name in sorted(names - found.keys())}
    claims = Counter(guessed.values())
    found |= {
        name: other
        for name, other in guessed.items()
        if other is not None and claims[other] == 1 and _may_be_one(name, other)
    }
    return dict(sorted(found.items()))


def _may_be_one(name: str, other: str) -> bool:
    """Whether the folders of two names agree, as far as both have any."""
    folders, others = PurePosixPath(name).parent.parts, PurePosixPath(other).parent.parts
    depth = min(len(folders), len(others))
    return folders[len(folders) - depth :] == others[len(others) - depth :]
