"""The rooms of the package: which may import which, and no circles between files."""

from graphlib import TopologicalSorter
from pathlib import Path

import grimp
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

SETTINGS = Path(__file__).parents[1] / "pyproject.toml"


def test_a_room_imports_only_rooms_below_it(capsys):
    assert lint_imports(config_filename=str(SETTINGS), no_cache=True) == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_no_files_import_each_other_in_a_circle():
    graph = grimp.build_graph("handbone", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(list(TopologicalSorter(imports).static_order())) > 200  # CycleError names the files
