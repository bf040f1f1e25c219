"""From a stage's datasets to batches: who reads which image in which epoch, at which size, in which process."""

import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from handbone import anatomy
from handbone.core.processes import end_with
from handbone.networks import runtime
from handbone.recipe.schema import Train
from handbone.training.frameworks import lightning

_PREFETCH = 2
_Key = TypeVar("_Key")


class StageDataset(Protocol):
    """What a stage gives to the engine: a map-style dataset that can change its size.

    An item is {"image": float32 (C, S, S), "target": uint8 (29, S, S) coverage times 255, "name": str}.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...

    def at_size(self, size: int) -> "StageDataset":
        """The same images on a grid of another size."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the random changes: an item is a function of (epoch, index)."""


class EpochSampler(Sampler[tuple[int, int, int]]):
    """Every process's share of an epoch as (epoch, round, index), shuffled anew by seed and epoch.

    The epoch travels with the index, so that worker processes can live on through all epochs and still draw each
    epoch's own augmentation. Shares are padded to equal length: processes average gradients in step, and one with fewer
    batches than the others would make them wait for ever.

    Parameters
    ----------
    count: images. rounds: how often an epoch goes through them. epoch: the first epoch.
    rank, world: this process among all.
    """

    def __init__(self, count: int, *, rounds: int, seed: int, epoch: int = 0, rank: int = 0, world: int = 1):
        self._count, self._rounds, self._seed, self._rank, self._world = count, rounds, seed, rank, world
        self.epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        """Called by lightning before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self._count * self._rounds // self._world)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self.epoch)
        order = [
            (self.epoch, turn, index)
            for turn in range(self._rounds)
            for index in torch.randperm(self._count, generator=generator).tolist()
        ]
        yield from _share(order, self._rank, self._world)


def _share(order: Sequence[_Key], rank: int, world: int) -> list[_Key]:
    """One process's part of an order; all parts are equally long, as the order begins anew where it ends too soon."""
    return [order[place % len(order)] for place in range(rank, -(-len(order) // world) * world, world)]


class EpochView(Dataset):
    """A stage's training set read by (epoch, round, index)."""

    def __init__(self, dataset: StageDataset, settings: Train, *, size: int):
        self._dataset, self._settings, self._size = dataset, settings, size
        self._at: dict[int, StageDataset] = {}

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: tuple[int, int, int]) -> dict[str, Any]:
        epoch, turn, index = key
        size = self._settings.size_at(epoch, self._size)
        if size not in self._at:
            self._at[size] = self._dataset.at_size(size)
        dataset = self._at[size]
        dataset.set_epoch(epoch * self._settings.samples_per_image + turn)
        return dataset[index]


class ValidationView(Dataset):
    """A stage's validation set read by place; places behind the last image are padding, with `counted` False.

    Processes that wait for each other need equal shares, but no image may count twice.
    """

    def __init__(self, dataset: StageDataset):
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {**self._dataset[place % len(self)], "counted": place < len(self)}


class Feed(lightning.LightningDataModule):
    """Batches for training and validation.

    Parameters
    ----------
    size: the full grid's side; earlier epochs may have a smaller one by `settings.progressive_resizing`.
    first_epoch: where training starts or goes on.
    """

    def __init__(
        self,
        train: StageDataset,
        validation: StageDataset,
        settings: Train,
        *,
        size: int,
        in_channels: int,
        seed: int,
        first_epoch: int,
    ):
        super().__init__()
        self._train, self._validation, self._settings = train, validation, settings
        self._size, self._in_channels, self._seed, self._first_epoch = size, in_channels, seed, first_epoch

    def train_dataloader(self) -> DataLoader:
        """Shuffled and augmented batches, new in every epoch."""
        settings, trainer = self._settings, self.trainer
        epoch = max(self._first_epoch, trainer.current_epoch)
        sampler = EpochSampler(
            len(self._train),
            rounds=settings.samples_per_image,
            seed=self._seed,
            epoch=epoch,
            rank=trainer.global_rank,
            world=trainer.world_size,
        )
        view = EpochView(self._train, settings, size=self._size)
        return self._loader(view, sampler, settings.batch_size_at(epoch))

    def val_dataloader(self) -> DataLoader:
        """Every image once, one by one, at the full size, shared among the processes."""
        trainer, count = self.trainer, len(self._validation)
        places = range(-(-count // trainer.world_size) * trainer.world_size)
        view = ValidationView(self._validation.at_size(self._size))
        return self._loader(view, _share(places, trainer.global_rank, trainer.world_size), 1)

    def _loader(self, dataset: Any, sampler: Any, batch: int) -> DataLoader:
        image = self._size**2 * (anatomy.COUNT + 4 * self._in_channels)
        workers = worker_count(self._settings.workers, batch * image, self.trainer.world_size)
        if workers:
            # A forked worker finds OpenCV's threads gone, and even its asking for one thread would wait for them for
            # ever. So they end here, before the fork; workers are parallel enough.
            _one_thread()
        return DataLoader(
            dataset,
            batch_size=batch,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=_PREFETCH if workers else None,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=partial(_begin, os.getpid()),
        )


def _begin(parent: int, worker: int) -> None:
    """What a worker does first."""
    end_with(parent)
    _one_thread()


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


def worker_count(wanted: int | None, batch_bytes: int, processes: int = 1) -> int:
    """Data processes for one training process.

    Parameters
    ----------
    wanted: what the recipe says; None: by the number of cores.
    batch_bytes: bytes of a batch. Batches travel through shared memory, which containers keep small; where it would
        overflow, which kills a worker with a bus error, the training process reads the data itself.
    """
    share = max(1, runtime.cores() // max(1, processes))
    # Where the network itself runs on the cores, an image of 1024 costs a fiftieth of its step: workers would only
    # compete for the cores, and each would hold a copy of what the training process had in memory (2.6 GB at 1024).
    workers = wanted if wanted is not None else (min(8, share - 1) if torch.cuda.is_available() else 0)
    shared_memory = Path("/dev/shm")
    if os.name == "posix" and shared_memory.is_dir():
        room = shutil.disk_usage(shared_memory).free // max(1, processes)
        workers = min(workers, int(room // (2 * (_PREFETCH + 1) * batch_bytes)))
    return max(0, workers)
