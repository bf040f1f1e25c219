"""What users are told of packages that an extra installs."""

import tomllib
from pathlib import Path

import pytest

from handbone.core.extras import EXTRA_OF, is_of_extra, not_installed

ROOT = Path(__file__).parents[2]


def missing(module):
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


def test_the_sentence_names_the_extra():
    assert str(not_installed(missing("onnxruntime.capi"), where="net.onnx")) == (
        "net.onnx: this needs onnxruntime, which is not installed; pip install 'handbone[onnx]'"
    )
    said = str(not_installed(missing("torch"), instead="export it elsewhere"))
    assert said.endswith("pip install 'handbone[train]', or export it elsewhere")


def test_a_module_of_no_extra_is_no_matter_of_installing():
    error = missing("nonsense")
    assert not is_of_extra(error)
    with pytest.raises(ModuleNotFoundError):
        not_installed(error)


def test_every_extra_that_is_named_exists():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(EXTRA_OF.values()) <= extras.keys()
