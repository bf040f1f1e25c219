"""What all contracts share: finding the spec and its settings, and checking that imports are light."""

import functools
import os
import subprocess
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

from pydantic import ValidationError

from handbone.plugins.checks import UnfitError, examine
from handbone.plugins.settings import read_settings
from handbone.plugins.specs import Spec

#: Packages that take too long to import for a command that only names things.
HEAVY = (
    "torch", "torchvision", "lightning", "timm", "segmentation_models_pytorch", "segment_anything", "albumentations",
    "monai", "tensorflow", "jax", "transformers",
)  # fmt: skip
_UNKNOWN = "no_such_setting"
_NAME_EVERYTHING = """
import importlib, sys
from handbone.plugins import hooks
module = importlib.import_module({module!r})
for name, hook in vars(hooks).items():
    if name.startswith("handbone_") and not hook.__code__.co_argcount and hasattr(module, name):
        list(getattr(module, name)())
print("\\n" + ",".join(sorted(set({heavy!r}) & set(sys.modules))))
"""


class ContractError(AssertionError):
    """A plugin breaks its contract; the message says what was expected and what it got."""


class NotGivenError(ContractError):
    """The contract needs something from the author, such as a sample file."""


def want(holds: bool, wish: str, came: str) -> None:
    """Raise an error unless the condition holds.

    Raises
    ------
    ContractError: "`wish`, but `came`".
    """
    __tracebackhide__ = True
    if not holds:
        raise ContractError(f"{wish}, but {came}")


class Contract:
    """The base contract of everything that a plugin registers; each kind has a subclass.

    Parameters
    ----------
    plugin: the module (or object) with the hooks, as the entry point names it.
    name: the component's registered name.
    settings: the keys that a recipe sets next to the name; small values keep the tests fast.
    """

    kind: ClassVar[str]
    plugin: ClassVar[ModuleType | Any] = None
    name: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Any]] = {}

    def spec(self) -> Spec:
        """The spec under test."""
        return self._registered()[0]

    def chosen(self) -> Any:
        """Its settings, checked."""
        return self._registered()[1]

    def _registered(self) -> tuple[Any, Any]:
        __tracebackhide__ = True
        who = type(self).__name__
        given = self.plugin is not None and bool(self.name)
        want(given, f"{who} needs `plugin = my_module` and `name = 'mine'`", "it lacks them")
        wish = f"the plugin must register the {self.kind} {self.name!r}"
        try:
            contents = examine([self.plugin])
        except UnfitError as error:
            raise ContractError(f"{wish}, but {error}") from error
        specs = {spec.name: spec for spec in contents.specs if spec.kind == self.kind}
        want(self.name in specs, wish, f"it registers {', '.join(map(repr, specs)) or 'none'}")
        spec = specs[self.name]
        # Commands are no choice of a recipe and have no settings.
        return spec, None if spec.settings is None else read_settings(spec, dict(self.settings))

    def test_the_summary_is_one_line(self) -> None:
        """Lists and tables show it."""
        summary = self.spec().summary
        want(
            bool(summary.strip()) and "\n" not in summary,
            "the summary must be one line of text",
            f"got {summary!r}",
        )

    def test_unknown_settings_are_refused(self) -> None:
        """A mistyped key of a recipe must not be passed over."""
        model = self.spec().settings
        if model is None:
            return
        try:
            model.model_validate({**self.settings, _UNKNOWN: 1})
        except ValidationError as error:
            refused = any(each["type"] == "extra_forbidden" for each in error.errors())
        else:
            refused = False
        want(refused, "an unknown setting must be refused (inherit handbone.plugins.Table)", "it was taken")

    def test_naming_it_imports_nothing_heavy(self) -> None:
        """`handbone --help` and `plugins list` import every plugin; what is heavy belongs into the factories."""
        came = heavy_imports(module_of(self.plugin))
        want(
            not came,
            "importing the plugin and asking for its specs must import nothing heavy",
            f"it imports {', '.join(came)}",
        )


def module_of(plugin: ModuleType | Any) -> str:
    """The name of the module that a plugin is, or comes from."""
    return plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__


@functools.cache
def heavy_imports(module: str) -> list[str]:
    """The heavy packages that a new process imports with a plugin's module and hooks.

    Raises
    ------
    ContractError: the module cannot be imported, or a hook fails.
    """
    code = _NAME_EVERYTHING.format(module=module, heavy=HEAVY)
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    last = (done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"])[-1]
    want(done.returncode == 0, f"{module} must import in a fresh process", last)
    return [name for name in done.stdout.splitlines()[-1].split(",") if name]
