"""Value types shared by all rooms, and common helpers: errors, atomic files, progress."""
