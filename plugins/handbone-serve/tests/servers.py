"""Servers for tests: real workflows with weights that are untrained, or that say what they are told."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from fastapi.testclient import TestClient
from handbone_serve import work
from handbone_serve.app import make_app
from handbone_serve.jobs import ENDED, Jobs

from handbone.core.errors import HandboneError

TOKEN = "a-token-for-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class Scripted:
    """An outliner that fails or waits as files' names ask it to; what it gives has no hands."""

    def __init__(self):
        self.go_on, self.begun = threading.Event(), threading.Event()

    def outline(self, folder: Path) -> work.Outlined:
        (path,) = (folder / work.IMAGE).iterdir()
        if "slow" in path.name:
            self.begun.set()
            assert self.go_on.wait(30)
        if "bad" in path.name:
            raise HandboneError("is cut", where=path)
        if "crash" in path.name:
            raise ZeroDivisionError(f"of {path}")
        return work.Outlined([], {})

    def cards(self, folder, outlined):
        return iter(())


@contextmanager
def served(folder: Path, outliner, *, most=200, max_bytes=1_000_000):
    """A client of a server with its jobs; it sends the token."""
    jobs = Jobs(folder, outliner, most=most)
    app = make_app(jobs, token=TOKEN, hosts=["testserver"], max_bytes=max_bytes)
    with TestClient(app, headers=HEADERS) as client:
        client.jobs = jobs
        yield client


def hand_in(client, name="a.png", content=b"x"):
    return client.post("/api/images", files={"file": (name, content)})


def ended(client, id, *, seconds=60):
    """What is known of a radiograph once it has ended."""
    deadline = time.monotonic() + seconds
    while (image := client.get(f"/api/images/{id}").json())["state"] not in ENDED:
        assert time.monotonic() < deadline, image
        time.sleep(0.02)
    return image


def png(image: np.ndarray) -> bytes:
    """A radiograph, float32 in [0, 1], as a PNG file."""
    return cv2.imencode(".png", np.round(255 * image).astype(np.uint8))[1].tobytes()
