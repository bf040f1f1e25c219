"""The 29 bones of the hand and wrist: their names, order, groups, neighbours and colours.

Every array of masks, probabilities or logits in handbone is (29, H, W) in the order of `BONES`. The names and the order
are those of the contest's annotation files: finger-1 to finger-19 count from the tip of each finger to its metacarpal,
thumb first, and the carpals and the forearm follow.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from handbone.core.errors import UnknownNameError


@dataclass(frozen=True)
class Bone:
    """One bone: its place in the order, its name in files, its anatomical title, and its colour as (R, G, B)."""

    index: int
    name: str
    title: str
    colour: tuple[int, int, int]


_DIGITS = ("thumb", "index", "middle", "ring", "little")
_CARPALS = ("Trapezium", "Trapezoid", "Capitate", "Hamate", "Scaphoid", "Lunate", "Triquetrum", "Pisiform")

# One hue a digit, darker towards the wrist; carpals that touch differ strongly.
_DIGIT_COLOURS = (
    ((255, 179, 71), (240, 145, 40), (214, 112, 18)),
    ((140, 220, 120), (98, 194, 84), (62, 163, 58), (36, 128, 44)),
    ((110, 200, 240), (66, 168, 224), (36, 134, 198), (20, 100, 164)),
    ((200, 160, 250), (172, 124, 236), (142, 92, 212), (112, 64, 180)),
    ((255, 160, 200), (244, 118, 172), (220, 80, 142), (188, 50, 112)),
)
_CARPAL_COLOURS = (
    (230, 60, 60),
    (255, 214, 60),
    (60, 110, 230),
    (40, 190, 170),
    (170, 220, 50),
    (230, 90, 220),
    (250, 130, 70),
    (250, 250, 250),
)
_FOREARM = (("Radius", (90, 205, 215)), ("Ulna", (215, 170, 110)))


def _bones() -> tuple[Bone, ...]:
    bones: list[tuple[str, str, tuple[int, int, int]]] = []
    for digit, colours in zip(_DIGITS, _DIGIT_COLOURS, strict=True):
        middle = () if digit == "thumb" else ("middle phalanx",)
        parts = ("distal phalanx", *middle, "proximal phalanx", "metacarpal")
        for part, colour in zip(parts, colours, strict=True):
            bones.append((f"finger-{len(bones) + 1}", f"{digit} {part}", colour))
    bones += [(name, name.lower(), colour) for name, colour in zip(_CARPALS, _CARPAL_COLOURS, strict=True)]
    bones += [(name, name.lower(), colour) for name, colour in _FOREARM]
    return tuple(Bone(index, *bone) for index, bone in enumerate(bones))


BONES: tuple[Bone, ...] = _bones()
COUNT: int = len(BONES)
NAMES: tuple[str, ...] = tuple(bone.name for bone in BONES)
INDEX: dict[str, int] = {bone.name: bone.index for bone in BONES}

_PARTS = {"distal phalanx": "DP", "middle phalanx": "MP", "proximal phalanx": "PP", "metacarpal": "MC"}


def _short_name(bone: Bone) -> str:
    digit, _, part = bone.title.partition(" ")
    return f"{_PARTS[part]}{_DIGITS.index(digit) + 1}" if digit in _DIGITS else bone.name


#: What a radiologist would write beside each bone: MC3 for the third metacarpal, Capitate.
SHORT_NAMES: tuple[str, ...] = tuple(map(_short_name, BONES))

#: Group name to the names of its bones, in anatomy order.
GROUPS: dict[str, tuple[str, ...]] = {
    "all": NAMES,
    "wrist": _CARPALS,
    "carpals": _CARPALS,
    "forearm": ("Radius", "Ulna"),
    "fingers": NAMES[:19],
    "phalanges": tuple(b.name for b in BONES if "phalanx" in b.title),
    "metacarpals": tuple(b.name for b in BONES if "metacarpal" in b.title),
    **{digit: tuple(b.name for b in BONES if b.title.startswith(f"{digit} ")) for digit in _DIGITS},
}

CARPALS: tuple[int, ...] = tuple(INDEX[name] for name in _CARPALS)
METACARPALS: tuple[int, ...] = tuple(INDEX[name] for name in GROUPS["metacarpals"])

#: Pairs (a, b), a before b in anatomy order, that touch or overlap in a normal radiograph.
NEIGHBOURS: frozenset[tuple[str, str]] = frozenset(
    {(NAMES[i], NAMES[i + 1]) for i in range(18) if i not in (2, 6, 10, 14)}
    | {
        ("finger-3", "Trapezium"),
        ("finger-7", "finger-11"),
        ("finger-7", "Trapezium"),
        ("finger-7", "Trapezoid"),
        ("finger-7", "Capitate"),
        ("finger-11", "finger-15"),
        ("finger-11", "Capitate"),
        ("finger-15", "finger-19"),
        ("finger-15", "Capitate"),
        ("finger-15", "Hamate"),
        ("finger-19", "Hamate"),
        ("Trapezium", "Trapezoid"),
        ("Trapezium", "Scaphoid"),
        ("Trapezoid", "Capitate"),
        ("Trapezoid", "Scaphoid"),
        ("Capitate", "Hamate"),
        ("Capitate", "Scaphoid"),
        ("Capitate", "Lunate"),
        ("Hamate", "Lunate"),
        ("Hamate", "Triquetrum"),
        ("Hamate", "Pisiform"),
        ("Scaphoid", "Lunate"),
        ("Scaphoid", "Radius"),
        ("Lunate", "Triquetrum"),
        ("Lunate", "Radius"),
        ("Triquetrum", "Pisiform"),
        ("Radius", "Ulna"),
    }
)


def index_of(name: str) -> int:
    """The index of a bone by its name or its short name.

    Raises
    ------
    UnknownNameError: there is no such bone.

    >>> index_of("finger-11") == index_of("MC3") == 10
    True
    """
    if name in INDEX:
        return INDEX[name]
    if name in SHORT_NAMES:
        return SHORT_NAMES.index(name)
    raise UnknownNameError("bone", name, (*NAMES, *SHORT_NAMES))


def select(classes: str | Iterable[str]) -> tuple[int, ...]:
    """Indices, in anatomy order and without repeats, of bones and groups.

    Parameters
    ----------
    classes: names of bones or groups, as a comma-separated text or as an iterable ("wrist", "thumb,Capitate").

    Raises
    ------
    UnknownNameError: for a name that is neither a bone nor a group.

    >>> select("Capitate, forearm")
    (21, 27, 28)
    """
    names = classes.split(",") if isinstance(classes, str) else list(classes)
    chosen: set[int] = set()
    for name in (n.strip() for n in names):
        if name in INDEX:
            chosen.add(INDEX[name])
        elif name.lower() in GROUPS:
            chosen.update(INDEX[n] for n in GROUPS[name.lower()])
        else:
            raise UnknownNameError("bone or group", name, (*NAMES, *GROUPS))
    return tuple(sorted(chosen))
