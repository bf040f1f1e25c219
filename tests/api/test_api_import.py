"""`import handbone` costs nothing, and its stub says what it offers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import handbone
from handbone.anatomy import BONES

HEAVY = {"torch", "numpy", "pandas", "cv2", "PIL", "pydantic", "rich", "typer"}


def imported(code: str) -> set[str]:
    """The outermost packages that a fresh process has imported after some code."""
    code += "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_import_alone_imports_nothing_heavy():
    assert not imported("import handbone\ndir(handbone)\nhandbone.BONES\nhandbone.__version__") & HEAVY


def test_a_synthetic_hand_and_a_radiograph_need_no_torch():
    assert "torch" not in imported("import handbone\nhandbone.draw_hand\nhandbone.read_radiograph\nhandbone.Radiograph")


def test_every_name_is_there_and_listed():
    assert set(handbone.__all__) <= set(dir(handbone))
    for name in handbone.__all__:
        assert getattr(handbone, name) is not None
    assert handbone.BONES is BONES and handbone.load is vars(handbone)["load"]


def test_an_unknown_name_is_an_attribute_error_and_modules_are_still_found():
    with pytest.raises(AttributeError, match="'handbone' has no attribute 'lod'"):
        handbone.lod  # noqa: B018
    from handbone import anatomy, measure

    assert anatomy.BONES is BONES and measure.MEASURES


def test_the_stub_for_type_checkers_has_the_same_names_from_the_same_modules():
    stub = ast.parse(Path(handbone.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    named = {
        alias.name: (line.module, alias.asname)
        for line in stub.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert set(named) == set(handbone.__all__) - {"__version__"}
    for name, (module, again) in named.items():
        assert again == name and f"handbone.{handbone._MODULES[name]}" == module
