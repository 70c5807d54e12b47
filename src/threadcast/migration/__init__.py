"""Migrates the threads of an older system in batches.

`dump` reads rows, `history` turns them into runs and events, `steps` drives the store, `report`
records the result for each thread. Nothing here knows which store it is, nor a terminal.
"""
