"""Validation of ids in requests, with statistics.

`SSOTValidationMiddleware` applies these rules in front of any ASGI application, with or without a
Threadcast server behind it.
"""
