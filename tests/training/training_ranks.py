"""One process of a small training that several share; run as a script by test_training_ranks.

python training_ranks.py FOLDER PROCESSES IMAGES KIND, with LOCAL_RANK, MASTER_ADDR and MASTER_PORT set.
"""

import sys

from training_small import Squares, fit_small, small_network

from handbone.core.errors import HandboneError


class WithoutNumbers(Squares):
    """The second image is not a number anywhere."""

    def at_size(self, size):
        return WithoutNumbers(self.count, size)

    def __getitem__(self, index):
        item = super().__getitem__(index)
        return {**item, "image": item["image"] * float("nan")} if index == 1 else item


if __name__ == "__main__":
    folder, processes, images, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    network = small_network(epochs=2, devices=processes, strategy="ddp" if processes > 1 else "auto", batch_size=1)
    try:
        fit_small(folder, network, train={"whole": Squares, "without numbers": WithoutNumbers}[kind](images))
    except HandboneError as error:
        sys.exit(str(error))
