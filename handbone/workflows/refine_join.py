"""The refinements of all shards as one output folder, as one command would have written it; no network is needed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from handbone.core.progress import track
from handbone.runs.fingerprints import fingerprint_of
from handbone.workflows.outputs import file_stems
from handbone.workflows.refine import RECORD_FILE, Refined, write_refined, written_names
from handbone.workflows.refine_sources import Source
from handbone.workflows.results import Results
from handbone.workflows.shard_join import take_result, take_trace
from handbone.workflows.shards import entries_of, refuse_lacking
from handbone.workflows.stored_results import StoredResults


def join_refined(
    shards: Sequence[Path],
    source: Callable[[], Source],
    results: Results,
    *,
    fingerprint: str,
    head: Mapping[str, Any],
    overwrite: bool = False,
) -> list[Refined]:
    """Write the output folder of all shards; files are linked where the system can.

    Parameters
    ----------
    shards: their folders, from `finished_shards`. head: of the whole, see `joined_head`.
    source, results, fingerprint, overwrite: as `refine_predictions` has them.

    Raises
    ------
    HandboneError: images that no shard has, a shard of which something is gone, or a folder that must not be filled.
    """
    coarse = source()
    errors: dict[str, str] = {}
    stems = file_stems(coarse.names)
    owners = {name: (StoredResults(shard, fingerprint), error) for shard in shards for name, error in _images(shard)}
    refuse_lacking(owners, stems)
    with results.fill(overwrite=overwrite, names=written_names(stems)) as work:
        kept = StoredResults(work, fingerprint)
        kept.clean(stems.items())
        for name, stem in track(stems.items(), "Joining shards", total=len(stems)):
            shard, error = owners[name]
            if error is None:
                key = fingerprint_of([fingerprint, coarse.item(name).made_from()])
                take_result(shard, name, stem, kept, key=key)
            else:
                errors[name] = error
                take_trace(shard, stem, kept)
        return write_refined(coarse, stems, kept, errors, head)


def _images(shard: Path) -> list[tuple[str, str | None]]:
    return [(entry["name"], entry["error"]) for entry in entries_of(shard, RECORD_FILE)]
