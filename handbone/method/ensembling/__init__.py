"""Joining several predictions of one image into one."""
