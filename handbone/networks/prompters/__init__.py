"""Segment-anything networks that improve masks from prompts. Imports no torch."""

from handbone.networks.prompters.load import build_prompter, choose, find_prompter, load_prompter

__all__ = ["build_prompter", "choose", "find_prompter", "load_prompter"]
