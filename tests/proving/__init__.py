"""Fault injection into whole clusters with a checker, for `scripts/prove`."""
