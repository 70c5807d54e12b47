"""Traces by the OpenTelemetry API: durations per request, thread and run.

Only the API is used; SDK and exporter are the operator's choice. Without an SDK nothing is
recorded, at the cost of one comparison. A span carries ids of threads, runs and requests; never a
user id, a token or a text that somebody wrote. There is no span per event.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from .context import UserExecutionContext
from .errors import ThreadcastError

__all__ = ["CommandSpans", "Tracing", "ids_of"]

Attributes = Mapping[str, AttributeValue]
Headers = Iterable[tuple[bytes, bytes]]

_SCOPE = "threadcast"
_ORIGINS_MAX = 10_000
_NO_PROVIDERS = (trace.ProxyTracerProvider, trace.NoOpTracerProvider)
_UNTRACED: AbstractContextManager[Span] = nullcontext(trace.INVALID_SPAN)
_CARRIED = frozenset({b"traceparent", b"tracestate", b"baggage"})


def ids_of(context: UserExecutionContext) -> dict[str, AttributeValue]:
    """A context's thread, run and request as span attributes; not its user."""
    return {
        "threadcast.thread_id": context.thread_id,
        "threadcast.run_id": context.run_id,
        "threadcast.request_id": context.request_id,
    }


class Tracing:
    """The tracer of one node, or none."""

    def __init__(self) -> None:
        self._tracer: Tracer | None = None
        self._origins: OrderedDict[str, SpanContext] = OrderedDict()

    @property
    def recording(self) -> bool:
        """Whether spans are recorded."""
        return self._tracer is not None

    def use(self, provider: trace.TracerProvider) -> None:
        """Record with this provider; OpenTelemetry's no-op and proxy providers record nothing."""
        is_real = not isinstance(provider, _NO_PROVIDERS)
        self._tracer = provider.get_tracer(_SCOPE) if is_real else None

    def use_configured(self) -> None:
        """Record with the provider set up by the program or `OTEL_...` variables, if any."""
        if self._tracer is None:
            self.use(trace.get_tracer_provider())

    def span(
        self,
        name: str,
        attributes: Attributes | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        headers: Headers | None = None,
        links: Sequence[Link] = (),
    ) -> AbstractContextManager[Span]:
        """A span for a block, current inside it; it ends with the block, or sooner by `end()`.

        Args:
            name: from a closed set.
            attributes: see the module's rule on what may be in them.
            kind: OpenTelemetry's.
            headers: of a request, whose trace is continued unless a span is active here.
            links: to causes that are not parents.
        """
        if self._tracer is None:
            return _UNTRACED
        parent = None if headers is None else _continued(headers)
        return _recorded(self._tracer, name, attributes, kind, parent, links)

    def begin(self, name: str, attributes: Attributes) -> Span | None:
        """A span that the caller ends; None if nothing is recorded."""
        if self._tracer is None:
            return None
        return self._tracer.start_span(name, attributes=attributes)

    def remember_origin(self, run_id: str, span: Span | None = None) -> None:
        """Remember the span that started a run, by default the current one, for the run to link to.

        The latest 10,000 are kept, on this node only.
        """
        if self._tracer is None:
            return
        origin = (span or trace.get_current_span()).get_span_context()
        if origin.is_valid:
            self._origins[run_id] = origin
            if len(self._origins) > _ORIGINS_MAX:
                self._origins.popitem(last=False)

    def links_of(self, run_id: str) -> tuple[Link, ...]:
        """The link to the span that started a run, if known."""
        if self._tracer is None:
            return ()
        origin = self._origins.pop(run_id, None)
        return () if origin is None else (Link(origin),)


class CommandSpans:
    """Spans of commands, from arrival to answer; at most one for each open command.

    Args:
        tracing: of the server.
        request_id: of the connection.
    """

    def __init__(self, tracing: Tracing, request_id: str) -> None:
        self._tracing = tracing
        self._request_id = request_id
        self._open: dict[str, Span] = {}

    def begin(self, command_id: str, name: str) -> None:
        """A command arrived; one with the id of an open one is refused, and so not traced."""
        if not self._tracing.recording or command_id in self._open:
            return
        attributes = {"threadcast.request_id": self._request_id}
        span = self._tracing.begin(f"command {name}", attributes)
        if span is not None:
            self._open[command_id] = span

    def end(self, command_id: str | None, *, error: str | None = None) -> None:
        """The command was answered; with an error code if it was rejected."""
        span = self._open.pop(command_id, None) if command_id is not None else None
        if span is None:
            return
        if error is not None:
            _fail(span, error)
        span.end()

    def end_all(self) -> None:
        """The connection has ended; open commands stay unanswered."""
        for command_id in tuple(self._open):
            self.end(command_id, error="abandoned")

    def began(self, command_id: str, thread_id: str, run_id: str) -> None:
        """The command started this run."""
        span = self._open.get(command_id)
        if span is not None:
            span.set_attribute("threadcast.thread_id", thread_id)
            span.set_attribute("threadcast.run_id", run_id)
            self._tracing.remember_origin(run_id, span)


@contextmanager
def _recorded(
    tracer: Tracer,
    name: str,
    attributes: Attributes | None,
    kind: SpanKind,
    parent: Context | None,
    links: Sequence[Link],
) -> Iterator[Span]:
    span = tracer.start_span(name, parent, kind, attributes, links)
    # What an exception says may be a user's text, so only its code or type is recorded.
    with trace.use_span(span, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except BaseException as error:
            _fail(span, error.code if isinstance(error, ThreadcastError) else type(error).__name__)
            raise
        finally:
            if span.is_recording():
                span.end()


def _fail(span: Span, code: str) -> None:
    if span.is_recording():
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR))


def _continued(headers: Headers) -> Context | None:
    """The parent context of a request: the current span, else the headers' `traceparent`."""
    if trace.get_current_span().get_span_context().is_valid:
        return None
    carrier = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if name in _CARRIED
    }
    return propagate.extract(carrier) if carrier else None
