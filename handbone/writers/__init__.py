"""Formats that masks are written in for other tools."""
