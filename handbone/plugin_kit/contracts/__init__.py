"""Contract tests for plugins, for authors to inherit and for `handbone plugins check` to run.

>>> import handbone_mine
>>> class TestMyNetwork(ModelContract):
...     plugin = handbone_mine
...     name = "my_network"
...     settings = {"width": 8}

pytest collects the class and runs the contract's tests; a failure says what was expected and what it got. Nothing
here needs pytest but `handbone.plugin_kit.fixtures`.
"""

from handbone.plugin_kit.contracts.contract import Contract, ContractError, NotGivenError
from handbone.plugin_kit.contracts.ensemblers import EnsemblerContract
from handbone.plugin_kit.contracts.losses import LossContract
from handbone.plugin_kit.contracts.metrics import MetricContract
from handbone.plugin_kit.contracts.models import ModelContract
from handbone.plugin_kit.contracts.others import CommandContract, OptimiserContract, SchedulerContract, WeightsContract
from handbone.plugin_kit.contracts.prompters import PrompterContract
from handbone.plugin_kit.contracts.readers import ReaderContract
from handbone.plugin_kit.contracts.writers import WriterContract

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
