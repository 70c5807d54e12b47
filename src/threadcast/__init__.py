"""Threadcast: the real-time backbone for multi-user AI agents."""
