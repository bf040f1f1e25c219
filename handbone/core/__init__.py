"""Values that travel between the rooms, and what every room needs: errors, files that are whole, progress."""
