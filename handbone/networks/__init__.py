"""Architectures, losses, optimisers and prompters that recipes can name."""
