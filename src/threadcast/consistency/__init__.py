"""Tracks whether a context's ids stay the same from its creation to its cleanup.

`kinds` has the vocabulary, `judge` the rules, `tracker` the memory; `report` renders the results as
text, JSON and HTML. Nothing here may know a server: its components report what they do, as those of
any other program can.
"""
