"""Runbooks as data, with their loader and lint."""
