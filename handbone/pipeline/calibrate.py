"""The step that learns from fresh phantoms when a bone's mask is to be believed."""

from pathlib import Path

import numpy as np

from handbone.evaluation.metrics import dice_contest
from handbone.files import write_json
from handbone.masks.bone_masks import BoneMasks
from handbone.pipeline.context import Context
from handbone.pipeline.run_predictions import gather_weights, load_method
from handbone.progress import console, track
from handbone.stages.presence import Presence, features
from handbone.stages.stream import PhantomStream

# No training comes so far: these phantoms are new to the networks.
_EPOCH = 1_000_000
# A mask that overlaps its bone less than this is wrong.
_RIGHT = 0.5


def calibrate_presence(context: Context, part: Path) -> None:
    """Predict phantoms with both stages and fit how likely a mask is right; leaves `presence.json`."""
    recipe, phantom = context.recipe, context.recipe.phantom
    gather_weights(context, part / "weights")
    method = load_method(part / "weights", recipe.predict)
    stream = PhantomStream(recipe.predict.calibrate, phantom.variety, phantom.seed)
    pictures = []
    for index in track(range(len(stream)), "Calibrating on phantoms"):
        picture = stream.draw(_EPOCH, index, phantom.size)
        truth = BoneMasks.from_rings(picture.rings, picture.size_hw)
        outcome = method.predict((picture.load() / np.float32(255)).astype(np.float32))
        table, seen = features(outcome.final, recipe.predict.threshold)
        right = dice_contest(truth, outcome.final.threshold(recipe.predict.threshold)) >= _RIGHT
        pictures.append((table[seen], right[seen]))
    presence = Presence.fit(pictures)
    right = np.concatenate([each[1] for each in pictures])
    write_json(part / "presence.json", presence.model_dump(mode="json"))
    console.print(f"{np.count_nonzero(~right)} of {len(right)} masks on {len(pictures)} phantoms were wrong")
