"""Ids in requests: where they stand, whether they are ids, and what came of looking.

`SSOTValidationMiddleware` puts these rules before any ASGI application, with or without a
Threadcast server behind it.
"""
