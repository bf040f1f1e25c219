"""The step that tunes a prompter's mask decoder, and how the prompted stage's weights join the others."""

from pathlib import Path

from handbone.anatomy import select
from handbone.core.bone_masks import BoneMasks
from handbone.data.grid_dataset import LabelledImage
from handbone.method.calibration.gate import Gate
from handbone.method.prompt import PROMPTER_FILE, PromptSettings, PromptStage
from handbone.method.prompt_embeddings import EmbeddingCache, embed_rois
from handbone.method.prompt_tuning import Tuning
from handbone.method.refine import RefineDataset
from handbone.method.roi_jitter import NO_ERRORS, FrameErrors
from handbone.method.roi_placement import place_roi
from handbone.networks.prompters import build_prompter
from handbone.runs.context import Context
from handbone.weights.network_file import load_state, read_card


def tune_prompter(context: Context, workdir: Path) -> None:
    """Embed ROIs that err as those of the coarse masks do, and tune the mask decoder on them.

    Leaves `weights.safetensors`, the decoder's, and `history.csv`. The embeddings are kept among the decoded images.
    """
    recipe, tune = context.recipe, context.recipe.prompt.tune
    prompter = build_prompter(recipe.prompt.prompter)
    # In predictions the ROI is the refiner's, where there is one.
    bones = select((recipe.refine or recipe.prompt).bones)
    errors = FrameErrors.from_json(context.read("frames", "errors.json")) if recipe.refine else NO_ERRORS

    def true_roi(image: LabelledImage):
        masks = BoneMasks.from_polygons(image.polygons, image.size_hw)
        return place_roi(masks, recipe.roi, prompter.size, bones=bones).frame

    cache = EmbeddingCache(context.cache.folder / "embeddings")
    rois = []
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
        rois.append(embed_rois(data, count, prompter, cache, description))
    # When it is used, its masks pass the recipe's gate; tuning does not depend on that.
    stage = PromptStage(prompter, PromptSettings(prompt=recipe.prompt, encoder_id=prompter.encoder_id))
    Tuning(prompter, recipe.prompt, recipe.seed).run(*rois, workdir, stage.save)


def load_prompts(context: Context) -> tuple[PromptStage, dict]:
    """The recipe's third stage with its decoder, tuned or as it came, and how that was tuned."""
    recipe = context.recipe
    prompter = build_prompter(recipe.prompt.prompter)
    training = {}
    if recipe.prompt.tune is not None:
        tuned = context.step("prompter") / "weights.safetensors"
        load_state(prompter.decoder, tuned)
        training = read_card(tuned).training
    return PromptStage(prompter, PromptSettings.from_recipe(recipe, prompter.encoder_id)), training


def gather_prompter(context: Context, folder: Path, gate: Gate | None) -> None:
    """The decoder's weights, with what the recipe says of their use, and the calibrated gate, in their card."""
    stage, training = load_prompts(context)
    settings = stage.settings.model_copy(update={"gate": gate})
    PromptStage(stage.prompter, settings).save(folder / PROMPTER_FILE, training)
