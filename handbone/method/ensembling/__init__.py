"""Joining several predictions of one picture into one."""
