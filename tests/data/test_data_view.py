"""What a network reads of an image."""

import numpy as np
from data_toys import SIZE, draw, toy_hand

from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.data.targets import network_input

POLYGONS = {i: [p.astype(np.float32)] for i, p in enumerate(toy_hand().values())}
IMAGE = draw(toy_hand())


def test_input_and_target_lie_on_the_same_grid():
    frame = Frame.letterbox((SIZE, SIZE), (96, 128))
    image, target = network_input(IMAGE, frame), coverage(POLYGONS, frame)
    assert image.shape == (96, 128) and image.dtype == np.float32
    bones = target.max(0) == 255
    assert image[bones].mean() > 0.55 > 0.2 > image[target.max(0) == 0].mean()
    assert not image[:, :10].any()  # letterboxed


def test_whole_numbers_and_floats_give_the_same_input():
    frame = Frame.around((120, 140), 90, 64, degrees=20, mirrored=True)
    whole = network_input(IMAGE, frame)
    np.testing.assert_allclose(network_input(IMAGE.astype(np.float32) / 255, frame), whole, atol=0.01)
    sixteen = network_input(IMAGE.astype(np.uint16) * 257, frame)
    np.testing.assert_allclose(sixteen, whole, atol=0.01)
