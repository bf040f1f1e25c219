"""What a process sets up once, before its heavy work: memory thresholds, threads, and an importable torchvision."""

import ctypes
import functools
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from handbone.networks.light_imports import import_without_compiler

if TYPE_CHECKING:
    from torch import Tensor, device

# glibc's mallopt parameters, from malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 2**31 - 1


@functools.cache
def prepare(threads: int | None = None) -> bool:
    """Set up this process for networks on the CPU; call it before the first large array.

    glibc gives every large block back to the system when it is freed and pays for each page again at the next
    allocation. Keeping the blocks saves that; tests/benchmarks/test_bench_network.py measures how much.

    Parameters
    ----------
    threads: threads of torch's operators; by default torch's own choice, one per physical core.

    Returns
    -------
    Whether the memory thresholds were set (only glibc has them).
    """
    # Threads of torch's operators that spin while they wait starve the very worker that loads the next image: with
    # one other busy process on two cores a training step takes four times as long, with short spinning two and a half
    # times. GNU's OpenMP reads this when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    kept = libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    return bool(kept and libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES))


def limit_threads(count: int) -> None:
    """Let all libraries of this process compute with so many threads; to be called in a new process.

    torch is not imported for it, as not every process computes with it.
    """
    _limits[:] = [count]
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
    prepare()


def thread_limit() -> int | None:
    """What `limit_threads` allows; None without it."""
    return _limits[0] if _limits else None


_limits: list[int] = []


@functools.cache
def ensure_torchvision() -> None:
    """Make `import torchvision` work where its compiled operators cannot load.

    torchvision's wheel is built against CUDA; on a CPU-only torch its import fails with "operator torchvision::nms does
    not exist". segmentation-models-pytorch, timm and segment-anything import torchvision, but only its non-maximum
    suppression needs the compiled part: the operator is declared here with a plain implementation instead. Call it
    before the first import of any of them.
    """
    if "torchvision" in sys.modules:
        return
    if not _compiled_operators_load():
        _declare_operators()
    import_without_compiler("torchvision")


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _nms, "CPU")
    _declared.append(library)


# A torch library lives as long as its object does.
_declared: list = []


def _compiled_operators_load() -> bool:
    import importlib.util

    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or not found.submodule_search_locations:
        return False
    for extension in Path(found.submodule_search_locations[0]).glob("_C.*"):
        try:
            torch.ops.load_library(str(extension))
        except OSError:
            continue
        return True
    return False


def _nms(boxes: "Tensor", scores: "Tensor", iou_threshold: float) -> "Tensor":
    """Indices of the boxes (n, 4) that are kept, best score first; the definition of torchvision.ops.nms."""
    import torch

    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = scores.argsort(descending=True, stable=True)
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(boxes[best, :2], boxes[order, :2])
        high = torch.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        order = order[shared / (areas[best] + areas[order] - shared) <= iou_threshold]
    return torch.stack(kept) if kept else order


@functools.cache
def supports_bf16() -> bool:
    """Whether this machine multiplies bfloat16 in hardware: a CUDA device that can, or a CPU with AVX-512 BF16 or AMX.

    On a CPU without them bfloat16 is emulated and slower than float32.
    """
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return cpu_supports_bf16()


@functools.cache
def cpu_supports_bf16() -> bool:
    """Whether the CPU has bfloat16 instructions."""
    import torch

    checks = (getattr(torch.cpu, "_is_avx512_bf16_supported", None), getattr(torch.cpu, "_is_amx_tile_supported", None))
    return any(check() for check in checks if check is not None)


def own_device() -> "device":
    """The CUDA device of this process, by the number that launchers give it among a machine's; else the CPU."""
    import torch

    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
