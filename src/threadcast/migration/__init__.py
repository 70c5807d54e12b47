"""Migrating the threads of an older system: its dump read, planned and stored, batch by batch.

`dump` reads lines and rows, `history` turns what they hold into runs and events, `steps` has a
store do the work, `report` says what became of each thread. Nothing here knows which store it is,
nor a terminal.
"""
