"""Benchmarks: real server processes, real sockets, figures beside their targets."""
