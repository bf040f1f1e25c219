"""Ways in which pictures and labels lie on disk; one module a layout."""
