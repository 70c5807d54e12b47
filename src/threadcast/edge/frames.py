"""WebSocket frames (RFC 6455): bytes in, events out; and the frames that a server sends.

Pure: no socket, no clock, no task. It knows text messages only (binary is refused) and no
extension. Every limit is checked on a frame's header, before its payload is awaited or stored.
"""

from __future__ import annotations

from typing import Final, NamedTuple

try:
    from websockets.speedups import apply_mask
except ImportError:  # the wheel of this platform has no compiled part
    from websockets.utils import apply_mask

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_KNOWN = frozenset((_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG))
_CONTROL_MAX_BYTES = 125
_REASON_MAX_BYTES = 123

PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
NO_STATUS = 1005
ABNORMAL = 1006
INVALID_DATA = 1007
TOO_BIG = 1009

PING_FRAME: Final = b"\x89\x00"


class Text(NamedTuple):
    """A whole text message."""

    text: str


class Fragment(NamedTuple):
    """A part of a message arrived; more will follow."""


class Ping(NamedTuple):
    """The client asks for a pong with this payload."""

    payload: bytes


class Pong(NamedTuple):
    """A sign of life."""


class Close(NamedTuple):
    """The client ends the connection; without a code, `code` is `NO_STATUS`."""

    code: int
    reason: str


class Violation(NamedTuple):
    """The client violated the protocol: close with this code. The reader is unusable afterwards."""

    code: int
    reason: str


FrameEvent = Text | Fragment | Ping | Pong | Close | Violation

_FRAGMENT = Fragment()
_PONG_EVENT = Pong()


class FrameReader:
    """Reads what one client sends.

    Args:
        message_max_bytes: the largest payload of a message, all fragments together; may be changed.
        fragments_max: the most frames of one message.

    The caller feeds bytes as they come and takes events until there is none. Only bytes that were
    fed and not yet taken are buffered, so a caller that stops feeding bounds memory.
    """

    __slots__ = (
        "_buffer",
        "_final",
        "_fragments",
        "_frame_bytes",
        "_message",
        "_opcode",
        "_payload_at",
        "fragments_max",
        "message_max_bytes",
    )

    def __init__(self, *, message_max_bytes: int, fragments_max: int) -> None:
        self.message_max_bytes = message_max_bytes
        self.fragments_max = fragments_max
        self._buffer = bytearray()
        self._message: bytearray | None = None
        self._fragments = 0
        self._opcode = 0
        self._final = True
        self._payload_at = 0
        self._frame_bytes = 0

    @property
    def partial(self) -> bool:
        """Whether a frame or a message is incomplete."""
        return bool(self._buffer) or self._message is not None

    def feed(self, data: bytes) -> None:
        """Append bytes from the socket."""
        self._buffer += data

    def next_event(self) -> FrameEvent | None:
        """The next event, or None when more bytes are needed."""
        if self._frame_bytes == 0:
            violation = self._read_header()
            if violation is not None:
                return violation
        if self._frame_bytes == 0 or len(self._buffer) < self._frame_bytes:
            return None
        payload = self._take_payload()
        if self._opcode >= _CLOSE:
            return self._control_event(payload)
        return self._data_event(payload)

    def _read_header(self) -> Violation | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        violation = self._check_start(buffer[0], buffer[1])
        if violation is not None:
            return violation
        length, header_bytes = buffer[1] & 0x7F, 2
        if length > _CONTROL_MAX_BYTES:
            header_bytes = 4 if length == 126 else 10
            if len(buffer) < header_bytes:
                return None
            length = int.from_bytes(buffer[2:header_bytes], "big")
            if length >> 63:
                return Violation(PROTOCOL_ERROR, "frame length has its top bit set")
            if length <= (_CONTROL_MAX_BYTES if header_bytes == 4 else 0xFFFF):
                return Violation(PROTOCOL_ERROR, "frame length is not minimal")
        opcode = buffer[0] & 0x0F
        if opcode < _CLOSE and self._message_bytes + length > self.message_max_bytes:
            return Violation(TOO_BIG, "message too big")
        self._opcode = opcode
        self._final = buffer[0] >= 0x80
        self._payload_at = header_bytes + 4
        self._frame_bytes = header_bytes + 4 + length
        return None

    def _check_start(self, first: int, second: int) -> Violation | None:
        opcode = first & 0x0F
        if first & 0x70:
            return Violation(PROTOCOL_ERROR, "reserved bits are set")
        if opcode not in _KNOWN:
            return Violation(PROTOCOL_ERROR, "unknown opcode")
        if second < 0x80:
            return Violation(PROTOCOL_ERROR, "client frames must be masked")
        if opcode >= _CLOSE:
            if first < 0x80:
                return Violation(PROTOCOL_ERROR, "control frame is fragmented")
            if second & 0x7F > _CONTROL_MAX_BYTES:
                return Violation(PROTOCOL_ERROR, "control frame too long")
            return None
        return self._check_data_start(opcode)

    def _check_data_start(self, opcode: int) -> Violation | None:
        if (opcode == _CONTINUATION) is (self._message is None):
            if opcode == _CONTINUATION:
                return Violation(PROTOCOL_ERROR, "continuation without a start")
            return Violation(PROTOCOL_ERROR, "a continuation was expected")
        if opcode == _BINARY:
            return Violation(UNSUPPORTED_DATA, "binary is not supported")
        if self._fragments >= self.fragments_max:
            return Violation(TOO_BIG, "too many fragments")
        return None

    @property
    def _message_bytes(self) -> int:
        return 0 if self._message is None else len(self._message)

    def _take_payload(self) -> bytes:
        begin, end = self._payload_at, self._frame_bytes
        with memoryview(self._buffer) as view:
            payload = apply_mask(view[begin:end], bytes(view[begin - 4 : begin]))
        del self._buffer[:end]
        self._frame_bytes = 0
        return payload

    def _data_event(self, payload: bytes) -> FrameEvent:
        if self._final and self._message is None:
            return _text_event(payload)
        if self._message is None:
            self._message = bytearray()
        self._message += payload
        self._fragments += 1
        if not self._final:
            return _FRAGMENT
        message, self._message, self._fragments = self._message, None, 0
        return _text_event(message)

    def _control_event(self, payload: bytes) -> FrameEvent:
        if self._opcode == _PING:
            return Ping(payload)
        if self._opcode == _PONG:
            return _PONG_EVENT
        return _close_event(payload)


def text_frame(payload: bytes) -> bytes:
    """A whole, unmasked server frame.

    Args:
        payload: valid UTF-8, which the caller guarantees. One frame may go to many sockets.
    """
    return _server_frame(_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """A whole, unmasked server frame of bytes."""
    return _server_frame(_BINARY, payload)


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping; payload at most 125 bytes."""
    return _server_frame(_PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame.

    Raises:
        ValueError: the code may not be sent, or the reason is longer than 123 bytes.
    """
    encoded = reason.encode()
    if not may_be_sent(code) or len(encoded) > _REASON_MAX_BYTES:
        raise ValueError(f"close code {code} with {len(encoded)} bytes of reason cannot be sent")
    return _server_frame(_CLOSE, code.to_bytes(2, "big") + encoded)


def answer_to(close: Close) -> bytes:
    """The close frame that answers the client's: with its code, not with its text."""
    return _server_frame(_CLOSE, b"") if close.code == NO_STATUS else close_frame(close.code)


def may_be_sent(code: int) -> bool:
    """Whether a close code may appear in a close frame (RFC 6455, section 7.4)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def _server_frame(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length <= _CONTROL_MAX_BYTES:
        return bytes((0x80 | opcode, length)) + payload
    if length <= 0xFFFF:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def _text_event(payload: bytes | bytearray) -> Text | Violation:
    try:
        return Text(payload.decode())
    except UnicodeDecodeError:
        return Violation(INVALID_DATA, "text is not UTF-8")


def _close_event(payload: bytes) -> Close | Violation:
    if not payload:
        return Close(NO_STATUS, "")
    if len(payload) == 1:
        return Violation(PROTOCOL_ERROR, "close frame too short")
    code = int.from_bytes(payload[:2], "big")
    if not may_be_sent(code):
        return Violation(PROTOCOL_ERROR, "close code is not allowed")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        return Violation(INVALID_DATA, "close reason is not UTF-8")
