"""The step that tunes a prompter's mask decoder, and how the prompted stage's weights join the others."""

from pathlib import Path

from handbone.anatomy import select
from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.core.progress import console
from handbone.data.grid_dataset import LabelledImage
from handbone.method.datasets import RefineDataset
from handbone.method.prompt import PROMPTER_FILE, save_prompter
from handbone.method.prompt_embeddings import EmbeddingCache, embed_rois
from handbone.method.prompt_tuning import tune as tune_decoder
from handbone.method.roi_jitter import NO_ERRORS, FrameErrors
from handbone.method.roi_placement import place_roi
from handbone.networks.prompters import build_prompter
from handbone.runs.context import Context
from handbone.weights.network_file import load_state, read_card

WEIGHTS_FILE = "weights.safetensors"


def tune_prompter(context: Context, workdir: Path) -> None:
    """Embed ROIs that err as those of the coarse masks do, and tune the mask decoder on them.

    Leaves `weights.safetensors`, the decoder's, and `history.csv`. The embeddings are kept among the decoded images.
    """
    recipe, prompt = context.recipe, context.recipe.prompt
    assert prompt is not None and prompt.tune is not None  # else there is no such step
    tune, prompter = prompt.tune, build_prompter(prompt.prompter)
    # In predictions the ROI is the refiner's, where there is one.
    bones = select((recipe.refine or prompt).bones)
    errors = FrameErrors.from_json(context.read("frames", "errors.json")) if recipe.refine else NO_ERRORS

    def true_roi(image: LabelledImage) -> Frame:
        masks = BoneMasks.from_polygons(image.polygons, image.size_hw)
        return place_roi(masks, recipe.roi, prompter.size, bones=bones).frame

    cache = EmbeddingCache(context.cache.folder / "embeddings")
    embedded = []
    for images, augment, count, description in (
        (context.training_images(), tune.augment, tune.rois, "Training ROIs"),
        (context.images(context.splits["validation"]), None, tune.validation, "Validation ROIs"),
    ):
        data = RefineDataset(
            images,
            true_roi,
            size=prompter.size,
            roi_share=recipe.roi.size_px / 2048,
            augment=augment,
            errors=errors,
            jitter=recipe.roi.jitter,
            seed=recipe.seed,
        )
        embedded.append(embed_rois(data, count, prompter, cache, description))

    training_rois, validation_rois = embedded
    where = recipe.coarse.train
    place = {"devices": where.devices, "nodes": where.nodes, "strategy": where.strategy}
    tune_decoder(prompter, prompt, training_rois, validation_rois, folder=workdir, seed=recipe.seed, place=place)
    told = read_card(workdir / WEIGHTS_FILE).training
    console.print(
        f"Dice on validation ROIs: {told['val_dice_masks']:.3f} for the prompting masks, "
        f"{told['val_dice_before']:.3f} before tuning, {told['val_dice']:.3f} after epoch {told['epoch']}",
        highlight=False,
        soft_wrap=True,
    )


def gather_prompter(context: Context, folder: Path) -> None:
    """The recipe's prompter among other weights, its decoder tuned or as it came."""
    prompt = context.recipe.prompt
    assert prompt is not None  # else there is no prompter to gather
    choice, training = prompt.prompter, {}
    prompter = build_prompter(choice)
    if prompt.tune is not None:
        tuned = context.step("prompter") / WEIGHTS_FILE
        load_state(prompter.decoder, tuned)
        training = read_card(tuned).training
    save_prompter(folder / PROMPTER_FILE, prompter, choice, training)
