"""The canonical pose of a hand, and how masks are registered to it."""
