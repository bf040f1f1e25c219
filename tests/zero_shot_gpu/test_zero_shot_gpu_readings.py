"""What the fusion sees in a training on a GPU is what it sees in `predict`."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from handbone.anatomy import CARPALS
from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.method.pose.canonical import SQUARE_SIDE
from handbone.method.reading import read_coarse
from handbone.method.refine import with_coarse
from handbone.method.two_stage import TwoStage
from handbone.networks.architectures.fusion import Fusion
from handbone.synthetic import draw_hand

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "docs" / "zero_shot_gpu")]
import draw  # noqa: E402
import readings  # noqa: E402
from ring import Ring  # noqa: E402
from trainee import starting_point  # noqa: E402

SHIPPED = ROOT / "handbone" / "weights" / "zero_shot"
SEED, SIDE = 4, 512


@pytest.fixture(scope="module", params=[0, 1], ids=["upright", "turned"])
def hand(request):
    """Upright, and so that the whole image does not count."""
    drawn = draw_hand(np.random.default_rng(SEED), size=1024, variety="upright_adult", bent=False)
    image, planes = (np.rot90(each, request.param, (-2, -1)).copy() for each in (drawn.image, drawn.masks.dense()))
    return SimpleNamespace(image=image, masks=BoneMasks.from_dense(planes))


@pytest.fixture(scope="module")
def reader(hand):
    """Readings of that hand alone."""
    kind, _ = draw.drawing(("coarse", "refiner"), SIDE, 1.0)
    ring, record = Ring(2, kind, torch.device("cpu")), np.zeros(1, kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw, "draw_hand", lambda *_, **__: hand)
        draw.fill(record[0], np.random.default_rng(0), 1.0)
    ring.add(record)
    networks = {name: starting_point(SHIPPED, name) for name in ("coarse", "refiner")}
    return readings.Readings(ring, SIDE, networks, seed=(1,), device=torch.device("cpu"))


def dice(first, second):
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_windows_are_those_of_predict(hand, reader, monkeypatch):
    monkeypatch.setattr(readings, "_PLAIN", 1.0)
    monkeypatch.setattr(readings, "varied", lambda windows, *_: windows)
    monkeypatch.setattr(readings, "jitter", lambda _, count, side, **__: np.tile(np.eye(3), (count, 1, 1)))
    windows, truth = reader.draw("fusion", 1)
    assert windows.shape == (8, 5, 256, 256) and truth.shape == (8, 1, 256, 256)

    method = TwoStage.from_path(SHIPPED)
    image = hand.image.astype(np.float32) / 255
    masks = read_coarse(method.coarse_stage, method.settings, image).coarse.threshold(0.5)
    frame = method.rois[0].place(hand.masks).frame
    grid = frame.warp(image)
    contours = {bone: [frame.to_grid(each) for each in several] for bone, several in masks.polygons().items()}
    coarse = torch.from_numpy(with_coarse(grid, contours, frame.scale)[None, 1:])
    with torch.no_grad():
        logits = starting_point(SHIPPED, "refiner")[0].eval()(torch.from_numpy(grid[None, None]))
    wanted = Fusion.windows(torch.from_numpy(grid[None, None]), logits, coarse)
    assert (windows[:, 0] - wanted[:, 0]).abs().mean() < 0.01
    true = torch.cat(
        [
            torch.from_numpy(frame.warp(hand.masks.dense()[bone].astype(np.float32)))[None, None, *place]
            for bone, place in readings.windows_of(logits).items()
        ]
    )
    for carpal in range(len(CARPALS)):
        assert dice(windows[carpal, 1] > 0, wanted[carpal, 1] > 0) > 0.97
        assert dice(windows[carpal, 3] > 0, wanted[carpal, 3] > 0) > 0.97
        assert dice(windows[carpal, 4] > 0, wanted[carpal, 4] > 0) > 0.97
        assert dice(truth[carpal, 0] > 0.5, true[carpal, 0] > 0.5) > 0.97


def test_all_readings_of_a_batch_have_the_same_look(reader):
    reader._lots = reader._drawn_lots()
    frames, chosen = reader._ring.frames["letterbox"][[0, 0]], np.zeros(2, int)
    first, _ = reader._seen("full", chosen, frames, fine=False)
    again, _ = reader._seen("full", chosen, frames, fine=False)
    assert torch.equal(first, again)
    reader._lots = reader._drawn_lots()
    assert not torch.equal(reader._seen("full", chosen, frames, fine=False)[0], first)


@pytest.mark.parametrize(
    ("degrees", "length", "expected"),
    [
        *((0, 0.2, True), (13, 0.2, True), (-13, 0.2, True), (15, 0.2, False), (-15, 0.2, False), (180, 0.2, False)),
        *((0, 0.14, False), (0, 0.16, True), (0, 0.29, True), (0, 0.31, False)),
    ],
)
def test_the_whole_image_counts_where_it_counts_in_predict(degrees, length, expected):
    side = 2 * SIDE
    close = Frame.around((500.0, 520.0), SQUARE_SIDE * length * side, SIDE, degrees=degrees)
    matrix = np.vstack([close.inverse_matrix, [0, 0, 1]])
    assert readings._seen_well(matrix[None], SIDE, side).tolist() == [expected]
