"""handbone outlines the 29 bones of the hand in radiographs. A research tool, not a medical device."""

__version__ = "0.1.0"
