"""Weights in `Accept` headers."""

from __future__ import annotations

import pytest

from threadcast.wire.accept_header import weights_of


@pytest.mark.parametrize(
    ("header", "weights"),
    [
        ("gzip", {"gzip": 1.0}),
        ("GZIP;q=0.5, *;q=0", {"gzip": 0.5, "*": 0.0}),
        ("text/html;level=1;q=0.25", {"text/html": 0.25}),
        ("br;\tQ=1.000 , gzip", {"br": 1.0, "gzip": 1.0}),
        ("gzip;q=1e9,br;q=nan,deflate;q=-1", {"gzip": 0.0, "br": 0.0, "deflate": 0.0}),
        ("gzip;q=0.1234", {"gzip": 0.0}),
        ("", {"": 1.0}),
    ],
)
def test_weights(header: str, weights: dict[str, float]) -> None:
    assert weights_of(header) == weights
