import subprocess
import sys

import pytest
import torch

from handbone.networks import runtime


@pytest.mark.slow
def test_torchvision_smp_and_segment_anything_import():
    code = "from handbone.networks.runtime import ensure_torchvision; ensure_torchvision(); import torchvision, timm"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_plain_nms_against_brute_force(threshold):
    generator = torch.Generator().manual_seed(1)
    corner = torch.rand(40, 2, generator=generator) * 10
    boxes = torch.cat([corner, corner + 1 + torch.rand(40, 2, generator=generator) * 6], dim=1)
    scores = torch.rand(40, generator=generator)

    def iou(a, b):
        wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
        high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
        area = lambda r: (r[2] - r[0]) * (r[3] - r[1])  # noqa: E731
        return wide * high / (area(a) + area(b) - wide * high)

    kept = []
    rows = boxes.tolist()
    for i in scores.argsort(descending=True).tolist():
        if all(iou(rows[i], rows[k]) <= threshold for k in kept):
            kept.append(i)
    assert runtime._nms(boxes, scores, threshold).tolist() == kept
    assert runtime._nms(boxes[:0], scores[:0], threshold).tolist() == []


def test_prepare_may_be_called_again():
    assert runtime.prepare() == runtime.prepare()
    assert runtime.cores() >= 1
    assert isinstance(runtime.supports_bf16(), bool)
