"""Derived values: every value that a rule of the runbooks names in backticks, one noun per module."""
