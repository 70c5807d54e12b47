"""Every bound that the edge keeps, with its unit in its name.

It knows nothing of sockets or settings.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    """The bounds of one server. Sizes are bytes, times are seconds.

    Attributes:
        header_timeout_s: from the first byte of a request (or the connection's start) to the end
            of its headers, absolute.
        header_max_bytes: request line and headers together.
        header_line_max_bytes: the request line, or one header.
        trailer_max_bytes: trailers behind a chunked body together.
        headers_max: number of headers, trailers included.
        subprotocols_max: number of entries of `Sec-WebSocket-Protocol`.
        message_before_authentication_max_bytes: a message, until the application raises it.
        message_max_bytes: a message; the application cannot raise it beyond this.
        fragments_max: frames of one message.
        receive_queue_max_messages: messages read from the socket that the application has not
            taken yet; reading pauses there. (Their bytes are bounded by the message limit.)
        pings_per_s_max: client pings in one second; more ends the connection with 4429.
        heartbeat_s: between two pings of the server; also how long silence after one is tolerated.
        partial_message_timeout_s: from a message's first byte to its last.
        keep_alive_s: from an answer to the first byte of the next request.
        stall_max_s: how long a client may not read while bytes wait for it.
        close_timeout_s: from our last byte to the end of the TCP connection.
        send_buffer_max_bytes: written bytes waiting in user space before a connection counts as
            congested.
        drain_max_s: how long `before_shutdown` may take.
        shutdown_grace_s: how long open connections and tasks may take after that.

    Raises:
        ValueError: a limit is not positive, or the two message limits contradict each other.
    """

    header_timeout_s: float = 10.0
    header_max_bytes: int = 16_384
    header_line_max_bytes: int = 8_192
    trailer_max_bytes: int = 8_192
    headers_max: int = 100
    subprotocols_max: int = 16
    message_before_authentication_max_bytes: int = 65_536
    message_max_bytes: int = 262_144
    fragments_max: int = 1_024
    receive_queue_max_messages: int = 16
    pings_per_s_max: int = 100
    heartbeat_s: float = 20.0
    partial_message_timeout_s: float = 60.0
    keep_alive_s: float = 5.0
    stall_max_s: float = 600.0
    close_timeout_s: float = 10.0
    send_buffer_max_bytes: int = 131_072
    drain_max_s: float = 8.0
    shutdown_grace_s: int = 5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value <= 0:
                raise ValueError(f"{field.name} must be positive, got {value}")
        if self.message_before_authentication_max_bytes > self.message_max_bytes:
            raise ValueError(
                "message_before_authentication_max_bytes "
                f"({self.message_before_authentication_max_bytes}) must not exceed "
                f"message_max_bytes ({self.message_max_bytes})"
            )
