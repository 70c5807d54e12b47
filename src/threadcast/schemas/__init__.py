"""The published documents: OpenAPI for HTTP, AsyncAPI for connections.

Both are generated from the definitions that the code itself decodes with, so they cannot say
anything else. The same version gives the same document, down to the order of keys.
"""

from __future__ import annotations

from .asyncapi import asyncapi_document
from .openapi import openapi_document

__all__ = ["asyncapi_document", "openapi_document"]
