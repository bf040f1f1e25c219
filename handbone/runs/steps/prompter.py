"""The step that tunes a prompter's mask decoder, and how the prompted stage's weights join the others."""

from pathlib import Path
from typing import Any

from handbone.anatomy import select
from handbone.core.bone_masks import BoneMasks
from handbone.data.grid_dataset import LabelledPicture
from handbone.method.prompt import PROMPTER_FILE, save_prompter
from handbone.method.prompt_embeddings import EmbeddingCache, embed_windows
from handbone.method.prompt_tuning import Tuning
from handbone.method.refine import RefineDataset
from handbone.method.roi_jitter import NO_ERRORS, FrameErrors
from handbone.method.roi_placement import wrist_frame
from handbone.networks.prompters import build_prompter
from handbone.runs.context import Context
from handbone.weights.network_file import load_state, read_card


def tune_prompter(context: Context, part: Path) -> None:
    """Embed windows that err as those of the coarse masks do, and tune the mask decoder on them.

    Leaves `weights.safetensors`, the decoder's, and `history.csv`. The embeddings are kept among the decoded pictures.
    """
    recipe, tune = context.recipe, context.recipe.prompt.tune
    prompter = build_prompter(recipe.prompt.prompter)
    # In predictions the window is the refiner's, where there is one.
    bones = select((recipe.refine or recipe.prompt).bones)
    errors = FrameErrors.from_json(context.read("frames", "errors.json")) if recipe.refine else NO_ERRORS

    def true_window(picture: LabelledPicture):
        masks = BoneMasks.from_rings(picture.rings, picture.size_hw)
        return wrist_frame(masks, recipe.crop, prompter.size, bones=bones).frame

    cache = EmbeddingCache(context.cache.folder / "embeddings")
    windows = []
    for pictures, augment, count, description in (
        (context.training_pictures(), tune.augment, tune.windows, "Training windows"),
        (context.pictures(context.parts["validation"]), None, tune.validation, "Validation windows"),
    ):
        data = RefineDataset(
            pictures,
            true_window,
            size=prompter.size,
            window_share=recipe.crop.window / 2048,
            augment=augment,
            errors=errors,
            jitter=recipe.crop.jitter,
            seed=recipe.seed,
        )
        windows.append(embed_windows(data, count, prompter, cache, description))

    def save(path: Path, training: dict[str, Any]) -> None:
        save_prompter(path, prompter, recipe.prompt.prompter, training)

    Tuning(prompter, recipe.prompt, recipe.seed).run(*windows, part, save)


def gather_prompter(context: Context, folder: Path) -> None:
    """The recipe's prompter among other weights, its decoder tuned or as it came."""
    choice, training = context.recipe.prompt.prompter, {}
    prompter = build_prompter(choice)
    if context.recipe.prompt.tune is not None:
        tuned = context.folder.step("prompter") / "weights.safetensors"
        load_state(prompter.decoder, tuned)
        training = read_card(tuned).training
    save_prompter(folder / PROMPTER_FILE, prompter, choice, training)
