"""What a header says that a radiograph of a hand's back would not say."""

import re

from pydicom.dataset import Dataset

from handbone.core.radiograph import Remark

#: Elements that are read.
TAGS = ("Modality", "BodyPartExamined", "ViewPosition", "Laterality", "ImageLaterality")
_RADIOGRAPHY = {"CR", "DX", "RG", "DR", "RF", "XA", "XR", "IO", "OT", "SC"}
_OF_A_HAND = re.compile(r"HAND|WRIST|FINGER|THUMB|CARP|PHALAN|HND|FOREARM|EXTREM|LIMB|UP EXM|ARM|SKELET|BONE")
_SIDEWAYS = {"LL", "RL", "LAT", "LATERAL", "LLD", "RLD", "LLO", "RLO", "ML", "LM", "OBL", "OBLIQUE"}
_FROM_THE_PALM = {"AP"}


def remarks_of(dataset: Dataset) -> tuple[Remark, ...]:
    """Modality, body part and view that contradict a radiograph of a hand from its back."""
    found = []
    modality, part, view = (_code(dataset, name) for name in ("Modality", "BodyPartExamined", "ViewPosition"))
    if modality and modality not in _RADIOGRAPHY:
        found.append(Remark("modality", f"the header says {modality}, which is no radiography"))
    if part and not _OF_A_HAND.search(part):
        found.append(Remark("body-part", f"the header says {part}, which is no hand"))
    if view in _SIDEWAYS:
        found.append(Remark("view", f"the header says {view}, a view from the side, which the networks never saw"))
    return tuple(found)


def laterality_of(dataset: Dataset) -> str:
    """ "R" or "L" as the header says, where a view from the back of the hand can confirm it; "" otherwise."""
    side = _code(dataset, "ImageLaterality") or _code(dataset, "Laterality")
    return side if side in ("R", "L") and _code(dataset, "ViewPosition") not in _FROM_THE_PALM else ""


def _code(dataset: Dataset, name: str) -> str:
    """A coded value, without anything that such a value cannot have: a user may have typed more into it."""
    try:
        value = str(dataset.get(name) or "").strip().upper()
    except Exception:  # a malformed element
        return ""
    return value if re.fullmatch(r"[A-Z0-9 _]{1,16}", value) else ""
