"""Output formats of a report: one function each, from a report to a text.

`text` for people, `data` for programs (JSON), `sarif` for code hosts and editors, `github` for
annotations in a workflow's log.
"""
