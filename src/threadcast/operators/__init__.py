"""What operators see and do: figures, summaries, look-ups, actions and their trail.

No module here knows HTTP. Reads across users use store methods that are marked as such; reads of
one user use a session of that user.
"""
