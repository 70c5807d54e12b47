"""What operators see of nodes and do to them: figures, summaries, look-ups, actions, the trail.

No module here knows HTTP. What is read across users is read from the store by methods that say so;
what is read of one user is read by a session of that user's.
"""
