"""Reads a Python code base and reports what lets ids, events and managers drift apart.

`threadcast audit` is the program over it. The audited code is parsed, never run or imported. This
package stands beside the server: it knows the words (events, suggestions, errors) and nothing else
of it.
"""
