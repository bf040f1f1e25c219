"""What the bones are called in coded form: SNOMED CT where the dictionary that comes with pydicom has the bone."""

from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

from handbone import anatomy

#: Of codes that are handbone's own: the standard asks private ones to begin with 99.
SCHEME = "99HANDBONE"


def code_of(bone: anatomy.Bone) -> CodedConcept:
    """The type of a bone's segment. The five metacarpals share a code; their labels tell them apart."""
    known = {
        "Scaphoid": codes.SCT.Scaphoid,
        "Radius": codes.SCT.RadiusBone,
        "Ulna": codes.SCT.Ulna,
        **dict.fromkeys(anatomy.GROUPS["metacarpals"], codes.SCT.Metacarpal),
    }
    if bone.name in known:
        return CodedConcept.from_code(known[bone.name])
    return CodedConcept(value=bone.name, scheme_designator=SCHEME, meaning=bone.title)
