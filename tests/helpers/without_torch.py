"""Commands in processes that find no package of some extras, nor do processes of theirs: as if none were installed."""

import os
import subprocess
import sys

#: What `pip install 'handbone[predict,openvino]'` does not bring.
TRAINING = (
    "torch", "torchvision", "lightning", "segmentation_models_pytorch", "timm", "segment_anything", "albumentations",
    "numba", "matplotlib", "sklearn", "openpyxl", "onnx", "onnxscript", "tensorboard", "pandas", "scipy",
)  # fmt: skip
# Python imports a module of this name at each start. Packages that are not installed have no spec, which is asked for,
# and importing them fails.
_MODULE = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
def found(name, path=None, target=None):
    return None if name.partition(".")[0] in {absent!r} else find(name, path, target)
PathFinder.find_spec = staticmethod(found)
"""


def without(absent, *words, cwd):
    """`handbone WORDS` without the packages `absent`, run in `cwd`, a test's own folder."""
    blocked = cwd / "absent"
    blocked.mkdir(exist_ok=True)
    (blocked / "sitecustomize.py").write_text(_MODULE.format(absent=tuple(absent)))
    paths = (str(blocked), os.environ.get("PYTHONPATH", ""))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-m", "handbone", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def without_torch(*words, cwd):
    """`handbone WORDS` with no more than what predicts from exported networks."""
    return without(TRAINING, *words, cwd=cwd)
