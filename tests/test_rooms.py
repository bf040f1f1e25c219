"""The rooms of the package: which may import which, and no circles between files."""

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
from importlinter.cli import EXIT_STATUS_SUCCESS

SETTINGS = Path(__file__).parents[1] / "pyproject.toml"


def test_a_room_imports_only_rooms_below_it():
    # In a process of its own: where OpenVINO has been imported, import-linter closes the stream that pytest captures.
    script = "import sys; from importlinter.cli import lint_imports; "
    script += f"sys.exit(lint_imports(config_filename={str(SETTINGS)!r}, no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=SETTINGS.parent
    )
    assert done.returncode == EXIT_STATUS_SUCCESS, done.stdout + done.stderr


def test_no_files_import_each_other_in_a_circle():
    graph = grimp.build_graph("handbone", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(list(TopologicalSorter(imports).static_order())) > 200  # CycleError names the files
