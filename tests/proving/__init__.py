"""Faults over whole clusters, judged by a checker: what `scripts/prove` runs in large numbers."""
