"""A run: a resolved recipe, the data it uses, its steps with what each was made from, and how they are carried out."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handbone.core.digests import keep_digests
from handbone.core.files import atomic_file, write_text
from handbone.core.processes import end_with
from handbone.core.progress import console
from handbone.data.cache import ImageCache
from handbone.data.dataset import Dataset, open_dataset
from handbone.plugins.events import notify
from handbone.recipe.dump import to_toml
from handbone.recipe.load import load_recipe
from handbone.recipe.schema import SYNTHETIC, Data, Recipe
from handbone.runs.checks import check_recipe
from handbone.runs.context import DATA, DRAWN, Context
from handbone.runs.data_digest import data_digest
from handbone.runs.fingerprints import described, fingerprint_of, step_fingerprint
from handbone.runs.folder import RunFolder
from handbone.runs.load_run import MANIFEST
from handbone.runs.manifest import peak_memory_gb, write_manifest
from handbone.runs.plan import PlannedStep, Result
from handbone.runs.ranks import wait_until
from handbone.runs.step import DATA_KEYS, Step
from handbone.runs.steps.order import STEPS


@dataclass(frozen=True)
class Run:
    """One recipe with its data and its folder."""

    recipe: Recipe
    folder: RunFolder
    synthetic: bool
    dataset: Dataset | None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that the recipe has, in order."""
        return tuple(step for step in STEPS if step.needed(self.recipe, self.synthetic))

    def plan(self) -> tuple[PlannedStep, ...]:
        """The steps in order, each with its fingerprint and what there is of it.

        Raises
        ------
        HandboneError: a plugin or weights that the recipe names are not there.
        """
        fingerprints: dict[str, str] = {}
        if self.dataset is not None:
            fingerprints[DATA] = fingerprint_of([described(self.recipe, DATA_KEYS), data_digest(self.dataset)])
        planned = []
        for step in self.steps:
            inputs = {name: fingerprints[name] for name in step.inputs if name in fingerprints}
            fingerprints[step.name] = fingerprint = step_fingerprint(step, self.recipe, inputs)
            if step.name == DRAWN:
                fingerprints[DATA] = fingerprint
            state = self.folder.state(step.name, fingerprint)
            planned.append(
                PlannedStep(step, fingerprint, state, self.folder.damage(step.name) if state == "damaged" else None)
            )
        keep_digests()
        return tuple(planned)

    def estimate_memory(self) -> dict[str, float]:
        """Gigabytes that training each network is expected to hold; builds the networks, so it takes seconds."""
        from handbone.runs.memory import training_memory_gb

        networks = {step.name: step.trains(self.recipe) for step in STEPS if step.needed(self.recipe, self.synthetic)}
        return {name: training_memory_gb(network) for name, network in networks.items() if network is not None}

    def execute(self, show: Callable[[Sequence[PlannedStep]], None] = lambda plan: None) -> Result:
        """Carry out what is left to do, publish the results at the top of the folder, and say what came out.

        Parameters
        ----------
        show: is given the plan, which is made once no other process is at work on the run.

        Raises
        ------
        HandboneError: another process is at work on the run; or whatever a step refuses.
        """
        with self.folder.locked(), self._told():
            plan = self.plan()
            show(plan)
            context = self.context()
            ImageCache(self.recipe.data.cache).sweep()
            self._clear_results()
            write_text(self.folder.path / "recipe.toml", to_toml(self.recipe))
            for number, planned in enumerate(plan, start=1):
                self._carry_out(context, planned, f"{number}/{len(plan)}")
            return self._publish(context, plan)

    def context(self) -> Context:
        """What the steps of this run leave, for whoever asks."""
        names = frozenset(step.name for step in self.steps)
        return Context(self.recipe, self.folder, self.synthetic, self.dataset, names)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell plugins that the run begins, and how it ends."""
        known = {"recipe": self.recipe, "folder": self.folder.path}
        notify("handbone_run_started", **known)
        try:
            yield
        except BaseException as error:
            notify("handbone_run_ended", **known, error=error)
            raise
        notify("handbone_run_ended", **known, error=None)

    def follow(self, plan: Sequence[PlannedStep]) -> None:
        """What a further process of the same run does: its share of the trainings, and nothing else."""
        end_with(os.getppid())
        context = self.context()
        for planned in plan:
            name, fingerprint = planned.step.name, planned.fingerprint
            if planned.step.shared(self.recipe):
                self._wait_for(name, fingerprint, ("continued", "reused"))
                if self.folder.state(name, fingerprint) == "continued":
                    planned.step.carry_out(context, self.folder.workdir(name))
            self._wait_for(name, fingerprint, ("reused",))

    def _wait_for(self, name: str, fingerprint: Any, states: tuple[str, ...]) -> None:
        wait_until(lambda: self.folder.state(name, fingerprint) in states, name)

    def _clear_results(self) -> None:
        """Remove what an earlier recipe published, so that no file at the top is older than its neighbours.

        The manifest goes first and comes last: where it is, the run is finished.
        """
        (self.folder.path / MANIFEST).unlink(missing_ok=True)
        for step in STEPS:
            for _, target in step.publishes:
                (self.folder.path / target).unlink(missing_ok=True)

    def _carry_out(self, context: Context, planned: PlannedStep, count: str) -> None:
        step = planned.step
        if planned.state == "reused":
            console.print(f"[dim]{count} {step.summary}: reused[/dim]")
            return
        if planned.damage is not None:
            console.print(f"{planned.damage} is damaged: the step runs again", markup=False, highlight=False)
        console.print(f"[bold]{count} {step.summary}[/bold]")
        known = {"step": step.name, "folder": self.folder.path}
        notify("handbone_step_started", **known)
        with self.folder.work_on(step.name, planned.fingerprint) as workdir:
            step.carry_out(context, workdir)
        notify("handbone_step_finished", **known, seconds=self.folder.seconds(step.name))

    def _publish(self, context: Context, plan: Sequence[PlannedStep]) -> Result:
        for planned in plan:
            for source, target in planned.step.publishes:
                made = self.folder.step(planned.step.name) / source
                if made.exists():  # the refiner's weights are not, in a run without one
                    with atomic_file(self.folder.path / target) as temporary:
                        shutil.copyfile(made, temporary)
        seconds = {planned.step.name: self.folder.seconds(planned.step.name) for planned in plan}
        result = Result(self.folder.path, context.metrics(), seconds, peak_memory_gb(), context.problems())
        write_manifest(self.folder.path / MANIFEST, self.recipe, plan, result, synthetic=self.synthetic)
        return result


def open_run(recipe: str, overrides: Sequence[str], output: Path | None) -> Run:
    """Read the recipe, find its data, and refuse what cannot work before anything is done.

    Raises
    ------
    HandboneError: for a mistake in the recipe, impossible combinations, and data that cannot be read.
    """
    loaded = load_recipe(recipe, overrides)
    settings = loaded.recipe
    synthetic = settings.data.path == SYNTHETIC
    # A synthetic set stands in for the default folder only: a mistyped path must not train on drawings.
    if settings.data.path == Data().path and not Path(settings.data.path).exists():
        synthetic = True
        console.print(f"The folder {settings.data.path}/ does not exist; using a synthetic set and [when_synthetic].")
    if synthetic:
        settings = loaded.for_synthetic()
    check_recipe(settings, where=str(loaded.path))
    dataset = None if synthetic else open_dataset(settings.data)
    folder = RunFolder(output or Path(os.environ.get("HANDBONE_RUNS", "runs")) / settings.name)
    return Run(settings, folder, synthetic, dataset)
