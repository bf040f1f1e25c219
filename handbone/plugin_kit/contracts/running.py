"""Contracts run without pytest, for `handbone plugins check`."""

from dataclasses import dataclass
from typing import Literal

from handbone.plugin_kit import contracts
from handbone.plugin_kit.contracts.contract import Contract, ContractError, NotGivenError
from handbone.plugins.checks import error_text

#: Kind of spec to the contract that it is held to.
CONTRACTS: dict[str, type[Contract]] = {
    contract.kind: contract
    for contract in (getattr(contracts, name) for name in contracts.__all__)
    if issubclass(contract, Contract) and contract is not Contract
}


@dataclass(frozen=True)
class Finding:
    """The result of one test of a contract.

    Parameters
    ----------
    test: in words, as in "logits have the shape of the images".
    reason: why it failed or could not be tried; empty where it passed.
    """

    test: str
    state: Literal["passed", "failed", "left out"]
    reason: str = ""


def run_contract(contract: type[Contract]) -> list[Finding]:
    """Run every test of a contract; none can stop the others, not even with sys.exit."""
    names = [name for name in dir(contract) if name.startswith("test_")]
    return [_run(contract, name) for name in names]


def _run(contract: type[Contract], name: str) -> Finding:
    words = name.removeprefix("test_").replace("_", " ")
    try:
        getattr(contract(), name)()
    except NotGivenError as error:
        return Finding(words, "left out", str(error))
    except ContractError as error:
        return Finding(words, "failed", str(error))
    except (Exception, SystemExit) as error:  # a plugin may fail in any way
        return Finding(words, "failed", error_text(error))
    return Finding(words, "passed")
