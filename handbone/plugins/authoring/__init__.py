"""What helps authors of plugins: a package to start from, and a check of a finished one."""
