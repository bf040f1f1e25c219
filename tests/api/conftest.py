"""A segmenter of a small untrained network, and images for it."""

import pytest
from cli_small import draw_image, save_seeing

import handbone


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_seeing(tmp_path_factory.mktemp("weights") / "coarse.safetensors", bias=0.0, bones=range(0, 29, 6))


@pytest.fixture(scope="module")
def segmenter(weights, one_thread):
    return handbone.load(weights, device="cpu")


@pytest.fixture
def images(tmp_path):
    """Three images, two of which have the same stem, and one that is cut."""
    folder = tmp_path / "images"
    for number, name in enumerate(("a.png", "a.jpg", "more/b.tif")):
        draw_image(folder / name, seed=number)
    cut = draw_image(folder / "cut.png", seed=9)
    cut.write_bytes(cut.read_bytes()[:300])
    return folder
