"""All measures by name, in the order in which tables show them."""

import copyreg
from collections.abc import Callable

from handbone.core.errors import UnknownNameError
from handbone.measure import angles, forearm, radiogrammetry, tubular, wrist
from handbone.measure.spec import Measure

MEASURES: dict[str, Measure] = {
    measure.name: measure for room in (angles, tubular, wrist, forearm, radiogrammetry) for measure in room.MEASURES
}


def find_measure(name: str) -> Measure:
    """
    Raises
    ------
    UnknownNameError: there is no measure of this name.
    """
    if name not in MEASURES:
        raise UnknownNameError("measure", name, MEASURES)
    return MEASURES[name]


def _by_name(measure: Measure) -> tuple[Callable[[str], Measure], tuple[str]]:
    return find_measure, (measure.name,)


# In another process, a measure is the one of its name.
copyreg.pickle(Measure, _by_name)
