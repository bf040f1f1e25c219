"""What commands leave in a folder, to be compared."""

import json
from pathlib import Path

_SAID = ("stdout.txt", "stderr.txt", "changes.txt")


def content(folder: Path) -> dict[str, object]:
    """Every file of a folder without the times that it took, and so without digests of them."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name.startswith("cache/") or name in _SAID:
            continue
        if path.name == ".handbone.json":
            found[name] = sorted(json.loads(path.read_text())["files"])
        else:
            found[name] = _without_times(path)
    return found


def _without_times(path: Path) -> object:
    data = path.read_bytes()
    if path.suffix == ".jsonl":
        return [_without_seconds(json.loads(line)) for line in data.splitlines()]
    return _without_seconds(json.loads(data)) if path.suffix == ".json" else data


def _without_seconds(value):
    if isinstance(value, dict):
        return {key: _without_seconds(value[key]) for key in value if key != "seconds"}
    return [*map(_without_seconds, value)] if isinstance(value, list) else value
