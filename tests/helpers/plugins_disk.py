"""Plugins as real packages on disk: a module and the metadata that an installer would leave beside it."""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from textwrap import dedent

HANDBONE = (str(Path(sys.executable).with_name("handbone")),)


def write_plugin(
    site: Path,
    name: str,
    code: str,
    *,
    version: str = "1.0",
    requires: tuple[str, ...] = (),
    entry: str | None = None,
) -> Path:
    """Put a package of one module into a folder that is meant for PYTHONPATH; gives the module's file."""
    module = name.replace("-", "_")
    file = site / f"{module}.py"
    site.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(code), encoding="utf-8")
    metadata = site / f"{module}-{version}.dist-info"
    metadata.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: The plugin {name}."]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (metadata / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(entry or f"[handbone]\n{module} = {module}\n", encoding="utf-8")
    return file


def write_wheel(folder: Path, name: str, code: str, *, version: str = "1.0", **more) -> Path:
    """The same package as a file that pip installs."""
    module = name.replace("-", "_")
    with tempfile.TemporaryDirectory() as site:
        write_plugin(Path(site), name, code, version=version, **more)
        metadata = Path(site) / f"{module}-{version}.dist-info"
        (metadata / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        files = sorted(path.relative_to(site).as_posix() for path in Path(site).rglob("*") if path.is_file())
        record = f"{metadata.name}/RECORD"
        (Path(site) / record).write_text("".join(f"{file},,\n" for file in [*files, record]))
        path = folder / f"{module}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for file in [*files, record]:
                wheel.write(Path(site) / file, file)
    return path


def surroundings(site: Path, **variables: str) -> dict[str, str]:
    """The environment of a command that finds the plugins of `site`, and nothing of this machine's settings."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("HANDBONE_")}
    own = {"PYTHONPATH": str(site), "HANDBONE_CONFIG": str(site / "config"), "HANDBONE_CACHE": str(site / "cache")}
    return {**others, **own, "COLUMNS": "200", **variables}


def handbone(*words: str, site: Path, cwd: Path | None = None, timeout: int = 120, **variables: str):
    """A finished `handbone` command."""
    return subprocess.run(
        [*HANDBONE, *words],
        env=surroundings(site, **variables),
        cwd=cwd or site,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def listed(site: Path, **variables: str) -> dict[str, dict]:
    """What `handbone plugins list --json` says, by package."""
    done = handbone("plugins", "list", "--json", site=site, **variables)
    assert done.returncode == 0, done.stderr
    return {one["package"]: one for one in json.loads(done.stdout)["items"]}


HEAD = "from handbone.plugins import *\n"

#: Code of every kind of bad plugin, and a part of the reason that has to be told.
BAD = {
    "bad-import": ("import os.nowhere.at_all", "needs the module 'os.nowhere', which is not installed"),
    "bad-syntax": ("def f(:\n", "cannot be imported: SyntaxError"),
    "bad-missing": (
        "import no_such_thing.inner",
        "needs the module 'no_such_thing', which is not installed; pip install no-such-thing",
    ),
    "bad-exit": ("import sys\nsys.exit(3)", "exits while it is imported (SystemExit: 3)"),
    "bad-base": ("class Own(BaseException): pass\nraise Own('own')", "cannot be imported: Own: own"),
    "bad-hook": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    raise KeyError('half')\n",
        "its handbone_losses failed: KeyError: 'half'",
    ),
    "bad-hook-exit": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    raise SystemExit\n",
        "its handbone_losses failed: SystemExit",
    ),
    "bad-signature": (
        HEAD + "@hookimpl\ndef handbone_models(config):\n    return []\n",
        "its handbone_models needs the argument 'config', but this hook is called without arguments",
    ),
    "bad-event": (
        HEAD + "@hookimpl\ndef handbone_epoch_ended(epochs):\n    pass\n",
        "its handbone_epoch_ended needs the argument 'epochs', which this event does not provide; "
        "did you mean 'epoch'?",
    ),
    "bad-unknown": (
        HEAD + "@hookimpl\ndef handbone_model():\n    return []\n",
        "its handbone_model is not a hook; did you mean 'handbone_models'?",
    ),
    "bad-unmarked": (
        HEAD + "def handbone_models():\n    return []\n",
        "its handbone_models lacks the decorator @hookimpl",
    ),
    "bad-newer": (
        HEAD + "HANDBONE_API = 99\n",
        "was written for version 99 of the plugin hooks, but this handbone has version 1; "
        "pip install --upgrade handbone",
    ),
    "bad-newer-names": (
        "from handbone.plugins import SpecOfTheFuture\n",
        "was written for another version of handbone (ImportError: cannot import name 'SpecOfTheFuture'",
    ),
    "bad-none": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    pass\n",
        "its handbone_losses gave None, and not a list of LossSpec",
    ),
    "bad-no-spec": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    return ['dice']\n",
        "its handbone_losses gave 'dice', which is not a LossSpec",
    ),
    "bad-other-spec": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    return [MetricSpec(name='a', summary='', build=print)]\n",
        "which is not a LossSpec",
    ),
    "bad-name": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    return [LossSpec(name='Mine', summary='', build=print)]\n",
        "its loss 'Mine' has an invalid name",
    ),
    "bad-empty": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    return [LossSpec(name='', summary='', build=print)]\n",
        "its loss '' has an invalid name",
    ),
    "bad-settings": (
        HEAD + "@hookimpl\ndef handbone_losses():\n"
        "    return [LossSpec(name='a', summary='', build=print, settings=dict)]\n",
        "which are not a subclass of handbone.plugins.Table",
    ),
    "bad-default": (
        HEAD + "class S(Table):\n    size: int\n\n\n"
        "@hookimpl\ndef handbone_losses():\n    return [LossSpec(name='a', summary='', build=print, settings=S)]\n",
        "its loss 'a' has the setting 'size' without a default",
    ),
    "bad-fields": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    return [LossSpec(name='a')]\n",
        "its handbone_losses failed: TypeError",
    ),
    "bad-twice": (
        HEAD + "@hookimpl\ndef handbone_losses():\n    return 2 * [LossSpec(name='a', summary='', build=print)]\n",
        "its loss 'a' is registered twice",
    ),
    "bad-command": (
        HEAD + "@hookimpl\ndef handbone_commands():\n    return [CommandSpec(name='run', summary='', build=print)]\n",
        "its command 'run' has a name that is reserved by handbone",
    ),
}

# Half of it is fine: nothing of the other half may stay.
HALF = (
    HEAD
    + "@hookimpl\ndef handbone_losses():\n    return [LossSpec(name='half-loss', summary='', build=print)]\n"
    + "@hookimpl\ndef handbone_commands():\n    return [CommandSpec(name='half', summary='', build=print)]\n"
    + "@hookimpl\ndef handbone_run_started():\n    print('half started')\n"
    + "@hookimpl\ndef handbone_metrics():\n    raise RuntimeError('no')\n"
)

GOOD = (
    HEAD
    + """
from pydantic import Field


class Settings(Table):
    power: float = Field(default=2.0, description="how hard")


def build(settings):
    import torch

    class Mine(torch.nn.Module):
        def forward(self, logits, target):
            return (logits.sigmoid() - target).abs().pow(settings.power).mean()

    return Mine()


@hookimpl
def handbone_losses():
    return [LossSpec(name="good-loss", summary="A loss of mine", build=build, settings=Settings)]


def command():
    def say(word: str = "nothing"):
        \"\"\"Say a word.\"\"\"
        print("said", word)

    return say


@hookimpl
def handbone_commands():
    return [CommandSpec(name="say", summary="Say [a] word", build=command)]
"""
)


def write_bad(site: Path) -> None:
    """Every bad plugin at once."""
    for name, (code, _) in BAD.items():
        write_plugin(site, name, code, requires=("no-such-thing>=2",) if name == "bad-missing" else ())
    write_plugin(site, "bad-half", HALF)
    write_plugin(site, "bad-entry", "", entry="[handbone]\nx = nowhere_module:thing\n")
