"""Brings hands into the ring beside the training, which never waits for one."""

import threading
from typing import Self

import torch
from ring import Ring
from workers import Drawers

# Seconds between two looks at whether more hands are wanted.
_PATIENCE = 0.1


class Feeder:
    """A thread that takes hands as long as the block lasts.

    Parameters
    ----------
    drawers: what draws hands. ring: where they go.

    Attributes
    ----------
    drawn: how many hands have come into the ring.
    """

    def __init__(self, drawers: Drawers, ring: Ring):
        self._drawers, self._ring = drawers, ring
        self.drawn, self._most = 0, 0
        self._error: BaseException | None = None
        self._wanted, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._feed, name="feeder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._wanted.set()
        self._thread.join()

    def allow(self, count: int) -> None:
        """Let so many more hands come in, less those that were let in before and have not come.

        Raises
        ------
        HandboneError: no worker that draws is left.
        """
        if self._error is not None:
            raise self._error
        self._most = self.drawn + count
        self._wanted.set()

    def _feed(self) -> None:
        # Copies of its own stream: what the training has told the GPU to do does not come first.
        stream = torch.cuda.Stream() if torch.cuda.is_available() else None
        try:
            with torch.cuda.stream(stream):
                while not self._over.is_set():
                    if self.drawn >= self._most:
                        self._wanted.wait(_PATIENCE)
                        self._wanted.clear()
                        continue
                    self.drawn += self._ring.add(self._drawers.take(self._most - self.drawn, wait=True))
        except BaseException as error:
            self._error = error
