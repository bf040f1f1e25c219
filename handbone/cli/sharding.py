"""`--shard` and `--join` of commands whose shards keep the results of images; see `handbone.workflows.divided`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from handbone.cli.ending import finish
from handbone.cli.output import echo_json
from handbone.cli.output import results as results_console
from handbone.core.escaping import markup

if TYPE_CHECKING:
    from handbone.workflows.divided import Work
    from handbone.workflows.results import Results
    from handbone.workflows.shards import Shard
    from handbone.workflows.tasks import Crew

_SHOWN = 5  # images that failed; shard.json has all


def part_of(shard: str | None, *, join: bool) -> "Shard | None":
    """The part of the work that is asked for; None for all of it.

    Raises
    ------
    HandboneError: what is no part. BadParameter: a part and a join at the same time.
    """
    if shard is not None and join:
        raise typer.BadParameter("first run every shard, then --join alone", param_hint="--join")
    if shard is None:
        return None
    from handbone.workflows.shards import Shard

    return Shard.parse(shard)


@dataclass(frozen=True)
class Division:
    """How a command's work is divided: one part of it is done, or all parts are joined, or neither.

    Parameters
    ----------
    command: its name. output: folder of the whole. part: what is done of it. join: whether parts are joined.
    """

    command: str
    output: Path
    part: "Shard | None"
    join: bool

    @classmethod
    def parse(cls, command: str, output: Path, shard: str | None, *, join: bool) -> "Division":
        """From the options, with the errors of `part_of`."""
        return cls(command, output, part_of(shard, join=join), join)

    def results(self, whole: "Callable[[Path], Results]") -> "Results":
        """Where this command writes, by what gives the output folder of the whole."""
        if self.part is None:
            return whole(self.output)
        from handbone.workflows.divided import shard_results

        return shard_results(self.output, self.part)

    def names(self, whole: Sequence[str]) -> Sequence[str]:
        """The files that are written for all images together, by those of the whole."""
        if self.part is None:
            return whole
        from handbone.workflows.divided import SHARD_FILE

        return [SHARD_FILE]

    def shards(self, paths: Iterable[Path], settings: Mapping[str, Any]) -> list[Path]:
        """The folders of all parts where they are joined, else none; parameters as `work_fingerprint` has them.

        Raises
        ------
        HandboneError: not all are there.
        """
        if not self.join:
            return []
        from handbone.workflows.divided import SHARD_FILE, work_fingerprint
        from handbone.workflows.shards import finished_shards

        fingerprint = work_fingerprint(self.command, paths, settings)
        return finished_shards(self.output, fingerprint, record_file=SHARD_FILE)

    def do(
        self,
        make: "Callable[[Path], Work[Any, Any]]",
        results: "Results",
        paths: Iterable[Path],
        settings: Mapping[str, Any],
        *,
        overwrite: bool,
        crew: "Crew",
        as_json: bool,
    ) -> None:
        """Do the part and end the command; parameters as `keep_shard` and `work_fingerprint` have them."""
        from handbone.workflows.divided import keep_shard, work_fingerprint

        assert self.part is not None  # callers ask for it
        fingerprint = work_fingerprint(self.command, paths, settings)
        record = keep_shard(
            make, self.part, results, command=self.command, fingerprint=fingerprint, overwrite=overwrite, crew=crew
        )
        errors = [image["error"] for image in record["images"] if image["error"] is not None]
        finish(as_json, lambda: echo_json(record), lambda: self._show(record, errors, results), failed=errors)

    def _show(self, record: Mapping[str, Any], errors: Sequence[str], results: "Results") -> None:
        console = results_console()
        for error in errors[:_SHOWN]:
            console.print(f"[red]failed[/red] {markup(error)}", soft_wrap=True, highlight=False)
        total = len(record["images"])
        told = f"shard {record['shard']}: {total - len(errors)} of {total} radiographs done"
        console.print(f"{told}: {markup(results.place.path)}", soft_wrap=True)
