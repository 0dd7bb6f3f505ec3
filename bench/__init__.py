"""Benchmarks: each module prints what it measured and the limit it must reach."""
