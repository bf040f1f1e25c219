"""Networks that another library than torch computes, from files of a fixed size; see `handbone export-model`."""

from handbone.networks.exported.opening import FORMATS, Format, Runtime, open_exported

__all__ = ["FORMATS", "Format", "Runtime", "open_exported"]
