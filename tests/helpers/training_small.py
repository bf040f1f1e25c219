"""A small network, small images and one training with everything switched on; run as a script by the kill test."""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from handbone.plugins import ModelSpec, hookimpl, registry
from handbone.recipe.schema import Choice, Network, Train


class SmallNetwork(nn.Module):
    def __init__(self, in_channels, classes, norm=True):
        super().__init__()
        layers = []
        for channels, kernel in ((in_channels, 3), (32, 1)):
            layers += [nn.Conv2d(channels, 32, kernel, padding=kernel // 2)]
            layers += [nn.BatchNorm2d(32) if norm else nn.Identity(), nn.ReLU()]
        self.encoder = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout2d(0.02 if norm else 0.0), nn.Conv2d(32, classes, 1))

    def forward(self, image):
        return self.head(self.encoder(image))


class SmallPlugin:
    @hookimpl
    def handbone_models(self):
        return [
            ModelSpec(
                name="small", summary="", build=lambda s, *, in_channels, classes: SmallNetwork(in_channels, classes)
            ),
            ModelSpec(
                name="small_without_norm",
                summary="",
                build=lambda s, *, in_channels, classes: SmallNetwork(in_channels, classes, norm=False),
            ),
        ]


def register_small():
    if "small" not in {p.spec.name for p in registry().provided("model")}:
        registry().register(SmallPlugin(), package="tests")


class Squares:
    """Every bone is a square of its own grey value; in the epoch `wait_in`, from 0, it waits to be killed."""

    def __init__(self, count=4, size=32, *, augment=True, wait_in=None):
        self.count, self.size, self.augment, self.wait_in, self.epoch = count, size, augment, wait_in, 0

    def __len__(self):
        return self.count

    def at_size(self, size):
        return Squares(self.count, size, augment=self.augment, wait_in=self.wait_in)

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __getitem__(self, index):
        if self.epoch == self.wait_in:
            time.sleep(600)
        rng = np.random.default_rng((index, self.epoch if self.augment else 0))
        image = rng.normal(0.1, 0.01, (1, self.size, self.size)).astype(np.float32)
        target = np.zeros((29, self.size, self.size), np.uint8)
        cell = self.size // 6
        for bone in range(0, 29, 7):
            row, column = divmod(bone, 6)
            part = (slice(row * cell, row * cell + cell), slice(column * cell, column * cell + cell))
            target[(bone, *part)] = 255
            image[(0, *part)] += 0.3 + 0.02 * bone
        return {"image": image, "target": target, "name": f"{index}.png"}


def small_network(model="small", size=32, **train):
    return Network(
        size=size, model=Choice(name=model), train=Train(**{"workers": 0, "lr": 0.03, "batch_size": 2, **train})
    )


def fit_small(folder, network=None, *, train=None, seed=3, **changes):
    from handbone.training.engine import fit

    register_small()
    torch.set_num_threads(1)
    return fit(
        network=network or small_network(**changes),
        in_channels=1,
        train=Squares() if train is None else train,
        validation=Squares(2, augment=False),
        folder=Path(folder),
        seed=seed,
        description="small",
        card={"stage": "coarse"},
    )


EVERYTHING = {
    "epochs": 6,
    "progressive_resizing": [{"size": 64, "share": 0.34}],
    "ema": 0.8,
    "accumulate_grad_batches": 2,
    "samples_per_image": 2,
    "patience": 5,
    "encoder_lr_factor": 0.5,
}

if __name__ == "__main__":
    fit_small(sys.argv[1], small_network(**EVERYTHING, size=96), train=Squares(wait_in=3))
