"""Contract tests for plugins: what handbone relies on, for authors to inherit and for `handbone plugins check` to run.

>>> import handbone_mine
>>> class TestMyNetwork(ModelContract):
...     plugin = handbone_mine
...     name = "my_network"
...     settings = {"width": 8}

pytest collects the class and runs the contract's tests; what fails says what is wanted and what came instead. Nothing
here needs pytest but `handbone.plugins.testing.fixtures`.
"""

from handbone.plugins.testing.contract import Contract, ContractError, NotGivenError
from handbone.plugins.testing.ensemblers import EnsemblerContract
from handbone.plugins.testing.losses import LossContract
from handbone.plugins.testing.metrics import MetricContract
from handbone.plugins.testing.models import ModelContract
from handbone.plugins.testing.others import CommandContract, OptimiserContract, SchedulerContract, WeightsContract
from handbone.plugins.testing.prompters import PrompterContract
from handbone.plugins.testing.readers import ReaderContract
from handbone.plugins.testing.writers import WriterContract

__all__ = [
    "CommandContract",
    "Contract",
    "ContractError",
    "EnsemblerContract",
    "LossContract",
    "MetricContract",
    "ModelContract",
    "NotGivenError",
    "OptimiserContract",
    "PrompterContract",
    "ReaderContract",
    "SchedulerContract",
    "WeightsContract",
    "WriterContract",
]
