"""Static analysis of a Python code base: where its ids, events and managers drift apart.

`threadcast audit` is its command. The audited code is parsed, never run or imported. Of the rest of
Threadcast, this package imports only the vocabulary: events, suggestions, errors.
"""
