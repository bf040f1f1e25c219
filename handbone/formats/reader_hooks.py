"""The built-in reader."""

from handbone.plugins import NoSettings, ReaderSpec, hookimpl


def _build(settings: NoSettings):
    from handbone.formats.raster import read_raster

    return read_raster


@hookimpl
def handbone_readers() -> list[ReaderSpec]:
    """picture."""
    return [
        ReaderSpec(
            name="picture",
            summary="PNG, JPEG or TIFF, 8 or 16 bit, grey or colour",
            extensions=(".png", ".jpg", ".jpeg", ".tif", ".tiff"),
            build=_build,
        )
    ]
