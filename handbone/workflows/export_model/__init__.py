"""Networks for other runtimes than torch: files of a fixed size, compared with PyTorch before they are kept."""

from handbone.workflows.export_model.export import export_model

__all__ = ["export_model"]
