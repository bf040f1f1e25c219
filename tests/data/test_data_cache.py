"""The cache of decoded radiographs: found by content, and never believed when it is damaged."""

import io
import os

import cv2
import numpy as np
import pytest
from data_toys import draw, toy_hand
from PIL import Image

from handbone.core.files import atomic_file
from handbone.data import cache as cache_module
from handbone.data.cache import ImageCache

GREY = draw(toy_hand())


def saved(path, values):
    assert cv2.imwrite(str(path), values)
    return path


def test_the_cache_notices_a_change_in_place_under_the_same_size_and_time(tmp_path):
    path, cache = tmp_path / "a.tif", ImageCache(tmp_path / "cache")
    Image.fromarray(GREY).save(path)
    stat, (before, after) = path.stat(), (GREY, GREY[::-1])
    np.testing.assert_array_equal(cache.open(path), before)
    other = tmp_path / "b.tif"
    Image.fromarray(np.ascontiguousarray(after)).save(other)
    with open(path, "r+b") as file:
        file.write(other.read_bytes())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_size) == (stat.st_ino, stat.st_size)
    np.testing.assert_array_equal(cache.open(path), after)


def degraded(entry, degradation):
    """An entry's bytes with another value, shape or type, or fewer of them."""
    content = bytearray(entry.read_bytes())
    if degradation == "value":
        content[len(content) // 2] ^= 255
    elif degradation in ("shape", "type"):
        other = np.zeros((8, 8), np.uint8) if degradation == "shape" else np.load(entry).astype(np.float64)
        buffer = io.BytesIO()
        np.save(buffer, other)
        content = buffer.getvalue()
    return {"cut": content[:300], "empty": b""}.get(degradation, content)


@pytest.mark.parametrize("degradation", ["value", "shape", "type", "cut", "empty"])
@pytest.mark.parametrize("known", [True, False])
def test_a_damaged_cache_entry_is_made_anew_with_a_line(tmp_path, degradation, known, capfd):
    path, cache = saved(tmp_path / "a.png", GREY), ImageCache(tmp_path / "cache")
    cache.open(path)
    [entry] = (tmp_path / "cache").rglob("*.npy")
    entry.write_bytes(degraded(entry, degradation))
    cache = cache if known else ImageCache(tmp_path / "cache")
    np.testing.assert_array_equal(cache.open(path), GREY)
    assert "is damaged: decoding a.png again" in " ".join(capfd.readouterr().err.split())
    np.testing.assert_array_equal(ImageCache(tmp_path / "cache").open(path), GREY)
    assert "damaged" not in capfd.readouterr().err


def test_an_entry_is_read_and_compared_once_in_a_process(tmp_path, monkeypatch):
    path, cache = saved(tmp_path / "a.png", GREY), ImageCache(tmp_path / "cache")
    compared = []
    is_whole = cache_module.is_whole
    monkeypatch.setattr(cache_module, "is_whole", lambda entry: compared.append(entry) or is_whole(entry))
    for _ in range(3):
        cache.open(path)
    assert len(compared) == 1


def test_half_written_entries_of_dead_processes_are_swept(tmp_path, monkeypatch):
    path, cache = saved(tmp_path / "a.png", GREY), ImageCache(tmp_path / "cache")
    cache.open(path)
    [entry] = (tmp_path / "cache").rglob("*.npy")
    places = (entry.parent, tmp_path / "cache" / "embeddings" / "0a", tmp_path / "root")
    monkeypatch.setenv("HANDBONE_CACHE", str(tmp_path / "root"))
    dead = [place / ".0f0f-0123456789ab.npy" for place in places]
    for path in dead:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    with atomic_file(entry.with_name("other.npy")) as living:
        cache.sweep()
        assert living.exists() and entry.exists() and not any(path.exists() for path in dead)
