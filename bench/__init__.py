"""Benchmarks: what a sync costs beside the floor, measured in one run. ``make bench``."""
