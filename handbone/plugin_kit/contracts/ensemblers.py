"""Contract of ensemblers."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.plugin_kit.contracts.contract import Contract, want
from handbone.plugin_kit.contracts.toys import toy_masks, toy_probabilities

Members = Mapping[str, BoneProbabilities]
_ABSENT = (3, 20)


class EnsemblerContract(Contract):
    """An ensembler joins members' probabilities of one image and adds nothing of its own.

    Parameters
    ----------
    members: three names, for settings that name members.
    symmetric: whether the order in which members are given must not matter; False if the first member has priority.
    """

    kind = "ensembler"
    members: ClassVar[tuple[str, ...]] = ("a", "b", "c")
    symmetric: ClassVar[bool] = True

    def join(self, members: Members) -> BoneProbabilities:
        """What the ensembler makes of members; checked to be probabilities of the same image."""
        spec, settings = self._registered()
        joiner: Callable = spec.build(settings)
        want(callable(joiner), "build must return a function of members", f"returned a {type(joiner).__name__}")
        came = joiner(members)
        wanted = "joined members must be BoneProbabilities"
        want(isinstance(came, BoneProbabilities), wanted, f"got a {type(came).__name__}")
        size = next(iter(members.values())).size_hw
        want(came.size_hw == size, f"the joined image must have the members' size {size}", f"got {came.size_hw}")
        return came

    def three(self) -> dict[str, BoneProbabilities]:
        """Members that agree in part: two soft ones, and masks as foreign files bring them."""
        foreign = BoneProbabilities.from_masks(toy_masks(2, absent=_ABSENT))
        made = (toy_probabilities(0, absent=_ABSENT), toy_probabilities(1, absent=_ABSENT), foreign)
        return dict(zip(self.members, made, strict=True))

    def test_one_member_stays_itself(self) -> None:
        """A member alone keeps its masks; soft or not."""
        for alone in (toy_probabilities(), BoneProbabilities.from_masks(toy_masks())):
            _same_masks(self.join({self.members[0]: alone}).threshold(), alone.threshold(), "one member alone")

    def test_members_that_agree_stay_as_they_are(self) -> None:
        """Three times the same masks are these masks, where two bones overlap as well."""
        agreed = toy_probabilities()
        shared = agreed.threshold().intersections()
        assert (shared - np.diag(np.diag(shared))).any(), "the toy's bones overlap"
        joined = self.join(dict.fromkeys(self.members, agreed)).threshold()
        _same_masks(joined, agreed.threshold(), "members that agree, overlaps among them,")

    def test_empty_masks_stay_empty(self) -> None:
        """A bone that nobody sees is not invented, in an image of other bones or of none."""
        joined = self.join(self.three()).threshold()
        invented = [NAMES[bone] for bone in _ABSENT if joined.present()[bone]]
        want(not invented, "a bone that no member contains must stay empty", f"{', '.join(invented)} has pixels")
        nothing = BoneProbabilities.from_masks(toy_masks(absent=tuple(range(len(NAMES)))))
        count = int(self.join(dict.fromkeys(self.members, nothing)).threshold().present().sum())
        want(count == 0, "members with empty masks must give an empty result", f"{count} bones have pixels")

    def test_a_bone_that_one_member_misses_is_no_mishap(self) -> None:
        """The others decide, whatever they decide."""
        members = self.three()
        members[self.members[1]] = toy_probabilities(1, absent=tuple(range(len(NAMES))))
        self.join(members)

    def test_nothing_lies_outside_what_members_see(self) -> None:
        """A pixel that is bone for nobody is not bone for all."""
        members = self.three()
        anyone = np.any([each.dense() > 0 for each in members.values()], axis=0)
        outside = int((self.join(members).threshold().dense() & ~anyone).sum())
        want(outside == 0, "a pixel that is in no member must not become bone", f"{outside} pixels did")

    def test_the_order_of_members_does_not_matter(self) -> None:
        """Members are told apart by their names."""
        if not self.symmetric:
            return
        members = self.three()
        one, other = self.join(members), self.join(dict(reversed(members.items())))
        apart = float(np.abs(one.dense() - other.dense()).max())
        wish = "the order of members must not matter (set symmetric = False if it should)"
        want(apart <= 1.5 / 255, wish, f"probabilities differ by up to {apart:.2g} in the reverse order")

    def test_it_is_the_same_twice_and_leaves_members_alone(self) -> None:
        """The same members give the same answer."""
        members = self.three()
        kept = {name: each.dense().copy() for name, each in members.items()}
        first = self.join(members)
        changed = [name for name, each in members.items() if not np.array_equal(each.dense(), kept[name])]
        want(list(members) == list(kept) and not changed, "members must not be changed", "they were changed")
        want(first == self.join(members), "the same members must give the same answer", "it differs")


def _same_masks(came: BoneMasks, wanted: BoneMasks, who: str) -> None:
    __tracebackhide__ = True
    bones: list[int] = []
    if came != wanted:
        bones = np.flatnonzero((came.dense() != wanted.dense()).any((1, 2))).tolist()
    told = ", ".join(NAMES[bone] for bone in bones[:3]) + (" and more" if len(bones) > 3 else "")
    want(len(bones) == 0, f"{who} must keep the masks", f"those of {told} changed")
