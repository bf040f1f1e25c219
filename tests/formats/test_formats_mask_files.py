"""Masks beside radiographs are no radiographs, whoever drew them; no radiograph is taken for one."""

import cv2
import numpy as np
import pytest
from PIL import Image

from handbone.formats.image_search import find_images

SIDE = 256
RANDOM = np.random.default_rng(0)


def bones():
    """A label map: 0 where there is no bone, 1 to 29 in bones."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for bone in range(29):
        centre = 24 + 42 * (bone % 6), 24 + 48 * (bone // 6)
        cv2.ellipse(labels, centre, (16, 20), 0, 0, 360, bone + 1, -1)
    return labels


def smooth():
    """A radiograph without any noise."""
    grey = cv2.GaussianBlur(np.float32(bones() > 0), (0, 0), 6) + np.linspace(0, 0.3, SIDE, dtype=np.float32)
    return np.uint8(255 * cv2.normalize(grey, None, 0, 1, cv2.NORM_MINMAX))


def noisy():
    return np.uint8(np.clip(smooth() + RANDOM.normal(0, 6, (SIDE, SIDE)), 0, 255))


def palette(colours):
    image = Image.fromarray(bones(), "L").convert("P")
    image.putpalette([value for colour in colours for value in colour])
    return image


MASKS = {
    "zero and one": np.uint8(bones() > 0),
    "black and white": np.uint8(255 * (bones() > 0)),
    "one bit": Image.fromarray(bones() > 0),
    "numbers of bones": bones(),
    "numbers of 16 bits": bones() * np.uint16(1000),
    "grey steps": bones() * 8,
    "colours": np.dstack([bones() * 7, bones() * 3 % 200, 255 - bones()]),
    "a palette": palette([(0, 0, 0)] + [(8 * n % 256, 90 * n % 256, 40 * n % 256) for n in range(1, 30)]),
}
RADIOGRAPHS = {
    "smooth": smooth(),
    "noisy": noisy(),
    "16 greys": smooth() // 16,
    "11 greys, large": cv2.resize(smooth(), (1536, 1536), interpolation=cv2.INTER_CUBIC) // 24,
    "4 greys": smooth() // 64,
    "16 noisy greys": noisy() // 16,
    "16 bits": noisy() * np.uint16(257),
    "dithered": Image.fromarray(smooth()).convert("1"),
    "a palette of greys": Image.fromarray(smooth()).quantize(16),
    "tinted": np.dstack([noisy(), noisy() // 2, noisy() // 3]),
}


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    (values if isinstance(values, Image.Image) else Image.fromarray(values)).save(path)
    return path


def found(root):
    search = find_images([root])
    return [image.key for image in search.images], {each.kind.many: len(each.paths) for each in search.passed_over}


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("kind", list(MASKS))
def test_a_mask_in_a_folder_is_passed_over_and_counted(tmp_path, kind, extension):
    save(tmp_path / "masks" / f"a{extension}", MASKS[kind])
    save(tmp_path / "images" / "a.png", noisy())
    assert found(tmp_path) == (["images/a.png"], {"masks": 1})


@pytest.mark.parametrize("kind", list(MASKS))
def test_its_name_need_not_say_so(tmp_path, kind):
    save(tmp_path / "a.png", noisy())
    save(tmp_path / "b.png", MASKS[kind])
    assert found(tmp_path) == (["a.png"], {"masks": 1})


@pytest.mark.parametrize("place", ["{}.png", "{}_mask.png", "labels/{}.png", "a.seg/{}.tif"])
@pytest.mark.parametrize("kind", list(RADIOGRAPHS))
def test_a_radiograph_is_none_whatever_it_is_called(tmp_path, kind, place):
    save(tmp_path / place.format("a"), RADIOGRAPHS[kind])
    assert found(tmp_path)[1] == {}


def test_an_image_of_one_value_is_a_mask_by_its_name_alone(tmp_path):
    blank = np.zeros((SIDE, SIDE), np.uint8)
    save(tmp_path / "a.png", blank)
    save(tmp_path / "gt" / "a.png", blank)
    assert found(tmp_path) == (["a.png"], {"masks": 1})


def test_a_file_that_is_given_itself_is_an_image(tmp_path):
    mask = save(tmp_path / "masks" / "a.png", MASKS["one bit"])
    assert [image.path for image in find_images([mask]).images] == [mask]
    [told] = find_images([tmp_path, mask]).passed_over
    assert str(told) == "1 mask: give one as a file, not its folder, to outline it anyway"


def test_tables_find_their_radiographs_beside_masks_of_the_same_name(tmp_path):
    image = save(tmp_path / "images" / "a.png", noisy())
    save(tmp_path / "masks" / "a.png", MASKS["black and white"])
    scan = save(tmp_path / "scans" / "b.png", MASKS["one bit"])
    assert find_images([tmp_path]).match(["a", "b.png", "c"]) == {"a": image, "b.png": scan}
