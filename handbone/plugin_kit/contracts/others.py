"""Contracts of optimisers, schedules, weights and commands."""

from typing import TYPE_CHECKING

from handbone.plugin_kit.contracts.contract import Contract, want

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

_EPOCHS, _STEPS = 3, 4


class OptimiserContract(Contract):
    """An optimiser is built from parameter groups that carry their own lr and weight_decay, and keeps these."""

    kind = "optimiser"

    def test_a_step_changes_the_weights(self) -> None:
        """By the groups' own rates."""
        import torch

        spec, settings = self._registered()
        layer = _layer()
        before = layer.weight.detach().clone()
        groups = [{"params": [layer.weight], "lr": 1e-2, "weight_decay": 0.01}, {"params": [layer.bias], "lr": 1e-3}]
        optimiser = spec.build(settings, groups)
        is_one = isinstance(optimiser, torch.optim.Optimizer)
        want(is_one, "build must return a torch.optim.Optimizer", f"returned a {type(optimiser).__name__}")
        rates = [group["lr"] for group in optimiser.param_groups]
        want(rates == [1e-2, 1e-3], "the groups' learning rates must be kept", f"they are {rates}")
        _step(layer, optimiser)
        want(not torch.equal(before, layer.weight), "a step must change the weights", "they are the same")


class SchedulerContract(Contract):
    """A schedule steps as often as it says, and gives rates that are finite and not negative."""

    kind = "scheduler"

    def test_rates_stay_finite_through_a_training(self) -> None:
        """From the first step to the last."""
        import math

        import torch

        spec, settings = self._registered()
        layer = _layer()
        optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
        schedule = spec.build(settings, optimiser, epochs=_EPOCHS, steps_per_epoch=_STEPS)
        for word in ("step", "state_dict", "load_state_dict"):
            want(callable(getattr(schedule, word, None)), f"a schedule must have the method {word}", "has none")
        for _ in range(_EPOCHS):
            for _ in range(_STEPS):
                _step(layer, optimiser)
                if spec.interval == "step":
                    schedule.step()
            if spec.interval != "step":
                schedule.step(*([0.5] if spec.interval == "validation" else []))
            rate = optimiser.param_groups[0]["lr"]
            want(math.isfinite(rate) and rate >= 0, "learning rates must be finite and not negative", f"one is {rate}")


class WeightsContract(Contract):
    """A set of weights is a whole folder that `handbone weights pack` made."""

    kind = "weights"

    def test_the_set_is_whole(self) -> None:
        """Its card names every file with its digest."""
        from handbone.weights import read_set

        spec, settings = self._registered()
        read_set(spec.build(settings)).verify()


class CommandContract(Contract):
    """A command is a function with typer's annotations, or a Typer; it has no settings."""

    kind = "command"

    def test_its_help_can_be_shown(self) -> None:
        """`handbone NAME --help`."""
        import typer
        from typer.testing import CliRunner

        built = self.spec().build()
        want(callable(built), "build must return a function or a typer.Typer", f"returned a {type(built).__name__}")
        app = built
        if not isinstance(built, typer.Typer):
            app = typer.Typer()
            app.command(self.name)(built)
        done = CliRunner().invoke(app, ["--help"])
        last = (str(done.exception) or done.output.strip() or "it ended").splitlines()[-1]
        want(done.exit_code == 0, f"`handbone {self.name} --help` must work", last)


def _layer() -> "nn.Linear":
    import torch

    torch.manual_seed(0)
    return torch.nn.Linear(4, 2)


def _step(layer: "nn.Linear", optimiser: "Optimizer") -> None:
    import torch

    optimiser.zero_grad()
    layer(torch.ones(3, 4)).square().sum().backward()
    optimiser.step()
