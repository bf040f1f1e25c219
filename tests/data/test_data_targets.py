"""A network's input and target from a picture and its outlines."""

import cv2
import numpy as np
from data_toys import SIZE, draw, toy_hand

from handbone.data.targets import network_input, training_pair
from handbone.frame import Frame

RINGS = {i: [p.astype(np.float32)] for i, p in enumerate(toy_hand().values())}
PICTURE = draw(toy_hand())


def test_input_and_target_lie_on_the_same_grid():
    frame = Frame.letterbox((SIZE, SIZE), (96, 128))
    image, target = training_pair(PICTURE, RINGS, frame)
    assert image.shape == (96, 128) and image.dtype == np.float32
    assert target.shape == (29, 96, 128) and target.dtype == np.uint8
    bones = target.max(0) == 255
    assert image[bones].mean() > 0.55 > 0.2 > image[target.max(0) == 0].mean()
    assert not image[:, :10].any()  # letterboxed


def test_the_target_is_the_area_average_of_the_picture_sized_mask():
    frame = Frame.letterbox((SIZE, SIZE), (64, 64))
    _, target = training_pair(PICTURE, RINGS, frame)
    for bone in (11, 21, 27):
        mask = np.zeros((SIZE, SIZE), np.float32)
        cv2.fillPoly(mask, [np.rint(RINGS[bone][0]).astype(np.int32)], 1)
        expected = cv2.resize(mask, (64, 64), interpolation=cv2.INTER_AREA)
        assert np.abs(target[bone] / 255 - expected).max() < 0.35
        assert abs(target[bone].sum() / 255 - expected.sum()) / expected.sum() < 0.03


def test_augmentation_moves_input_and_target_together():
    def shift(image, rings, rng):
        moved = np.zeros_like(image)
        moved[:, 10:] = image[:, :-10]
        return moved, {bone: [r + np.float32([10, 0]) for r in outlines] for bone, outlines in rings.items()}

    frame = Frame.letterbox((SIZE, SIZE), (128, 128))
    image, target = training_pair(PICTURE, RINGS, frame)
    moved_image, moved_target = training_pair(PICTURE, RINGS, frame, augment=shift)
    np.testing.assert_allclose(moved_image[:, 10:], image[:, :-10])
    assert np.abs(moved_target[:, :, 10:].astype(int) - target[:, :, :-10]).max() <= 2


def test_whole_numbers_and_floats_give_the_same_input():
    frame = Frame.around((120, 140), 90, 64, degrees=20, mirrored=True)
    whole = network_input(PICTURE, frame)
    np.testing.assert_allclose(network_input(PICTURE.astype(np.float32) / 255, frame), whole, atol=0.01)
