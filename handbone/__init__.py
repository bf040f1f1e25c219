"""handbone outlines the 29 bones of the hand in radiographs. A research tool, not a medical device.

    segmenter = handbone.load()
    prediction = segmenter.predict("hand.png")
    prediction.masks["Capitate"]

Names are imported when they are used first: `import handbone` takes milliseconds. Their types are in `__init__.pyi`.
"""

__version__ = "0.1.0"

_MODULES = {
    "BONES": "anatomy",
    "FailedImage": "api.segmenter",
    "HandboneError": "core.errors",
    "Prediction": "api.prediction",
    "Radiograph": "core.radiograph",
    "Segmenter": "api.segmenter",
    "draw_hand": "synthetic",
    "evaluate": "workflows.evaluate",
    "load": "api.segmenter",
    "read_radiograph": "api.reading",
    "run": "api.running",
    "write": "api.prediction",
}
__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
