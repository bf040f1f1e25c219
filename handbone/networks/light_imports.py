"""Importing libraries without those of their parts that take long to import and that no network here needs.

torchvision and timm import torch's compiler for decorators and for a question that only GPUs ask; it takes longer to
import than torch itself. OpenVINO imports its converters of other libraries' models, which take half of its time.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from types import ModuleType
from typing import Any

_COMPILER, _UTILS = "torch._dynamo", "torch._dynamo.utils"
_CONVERTERS = "openvino.tools.ovc"


def import_without_compiler(name: str) -> None:
    """Import a package, and the compiler only if the package needs more of it than this module stands in for."""
    if name in sys.modules or _COMPILER in sys.modules:
        return
    try:
        with _stand_ins():
            importlib.import_module(name)
    except ImportError:
        importlib.import_module(name)


def import_openvino() -> ModuleType:
    """OpenVINO; `openvino.convert_model` imports its converters when it is called.

    Raises
    ------
    ModuleNotFoundError: OpenVINO is not installed.
    """
    if "openvino" in sys.modules or _CONVERTERS in sys.modules:
        return importlib.import_module("openvino")
    sys.modules[_CONVERTERS] = None  # type: ignore[assignment]  # OpenVINO goes on where there are none
    try:
        openvino = importlib.import_module("openvino")
    finally:
        sys.modules.pop(_CONVERTERS, None)  # another thread may have been here
    vars(openvino).update(convert_model=_convert_model)
    return openvino


def _convert_model(*given: Any, **named: Any) -> Any:
    return importlib.import_module(_CONVERTERS).convert_model(*given, **named)


class _StandIn(ModuleType):
    """In the place of a module of the compiler; whatever it lacks is looked for in the real one."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


@contextmanager
def _stand_ins() -> Iterator[None]:
    compiler, utils = _StandIn(_COMPILER), _StandIn(_UTILS)
    vars(compiler).update(disable=_disable, utils=utils)
    vars(utils).update(is_compile_supported=_is_compile_supported)
    sys.modules.update({_COMPILER: compiler, _UTILS: utils})
    try:
        yield
    finally:
        _remove()


def _remove() -> None:
    for name in (_COMPILER, _UTILS):
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _real(name: str) -> ModuleType:
    _remove()
    return importlib.import_module(name)


def _is_compile_supported(device: str) -> bool:
    return bool(_real(_UTILS).is_compile_supported(device))


def _disable(function: Callable[..., Any], *choices: Any, **more: Any) -> Callable[..., Any]:
    """As `torch.compiler.disable` decorates a function, but when that is first called."""
    disabled = cache(lambda: _real(_COMPILER).disable(function, *choices, **more))

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        return disabled()(*arguments, **named)

    return call
