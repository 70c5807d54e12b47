"""Validates text forms: hosts, origins, URLs, secrets, keys.

Each form is a function from a text to None (valid) or a `Misfit`. They check the text alone: no
file, no DNS, no other setting. No misfit repeats a secret or a URL's password.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ..ids import user_id_problem

EXAMPLE_SECRETS = frozenset(
    {
        "a-string-secret-at-least-256-bits-long",
        "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
        "qwertyuiopasdfghjklzxcvbnm123456",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    }
)
"""Secrets from public tutorials and tools; anybody can sign with them."""

_PLACEHOLDERS = (
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "your256bitsecret",
    "your384bitsecret",
    "your512bitsecret",
    "yoursecret",
    "yoursupersecret",
    "examplesecret",
)

SECRET_MIN_BYTES = 32

SQLITE_PREFIX = "sqlite:///"
# Without a colon and an @, it is neither another kind of URL nor one without its scheme.
_BARE_PATH = re.compile(r"(?=\.{0,2}/|.*\.(?:db|sqlite3?)\Z)[^:@]*[^:@/]")
_POSTGRES_SCHEMES = ("postgresql", "postgres")

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.IGNORECASE)
_NODE_ID = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_PUBLIC_PEM = re.compile(r"-----BEGIN (RSA )?PUBLIC KEY-----\s.+-----END \1?PUBLIC KEY-----", re.S)
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_URL_MAX_CHARACTERS = 2_048

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Misfit(NamedTuple):
    """Why a text does not have the form: what came, in words, and what was expected."""

    got: str
    expected: str


def quoted(text: str) -> str:
    """The text in double quotes, on one line, at most 60 characters, control characters escaped."""
    short = text if len(text) <= 60 else text[:57] + "..."
    body = ascii(short)[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{body}"'


def masked_url(url: str) -> str:
    """The URL with everything between `//` and `@` replaced, so that it can be shown."""
    return re.sub(r"//[^/]*@", "//***@", url)


def is_loopback(host: str) -> bool:
    """Whether listening on `host` is reachable from this machine only."""
    address = ip_address(host)
    if address is None:
        return host.lower().rstrip(".") == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_private(host: str) -> bool:
    """Whether a URL's host names, by its text alone, something that is not on the open internet."""
    address = ip_address(host)
    if address is not None:
        mapped = getattr(address, "ipv4_mapped", None)
        return not (mapped or address).is_global
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(_PRIVATE_SUFFIXES)


def is_example_secret(text: str) -> bool:
    """Whether a secret is from public examples, or an unreplaced placeholder."""
    folded = text.strip().casefold()
    letters = "".join(character for character in folded if character.isalnum())
    return folded in EXAMPLE_SECRETS or any(word in letters for word in _PLACEHOLDERS)


def ip_address(host: str) -> IpAddress | None:
    """The address that `host` spells, or None where it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def host(text: str) -> Misfit | None:
    """An IP address or a host name, without brackets and port."""
    if ip_address(text) is not None:
        return None
    numeric = re.fullmatch(r"[0-9.]+", text)
    if len(text) <= 253 and not numeric and _HOST_NAME.fullmatch(text):
        return None
    return Misfit(quoted(text), "an IP address or a host name, such as 127.0.0.1")


def proxy(text: str) -> Misfit | None:
    """An IP address, a host name, or a network of addresses."""
    if "/" not in text:
        return host(text)
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return Misfit(quoted(text), "a network without host bits, such as 10.0.0.0/8")
    return None


def host_header(text: str) -> Misfit | None:
    """What a client may put into `Host`: a host name or address, with or without a port."""
    parts = _split(f"//{text}")
    if parts is not None and parts.netloc == text and _is_bare(parts) and "@" not in text:
        return None
    return Misfit(quoted(text), "a host name with or without a port, such as chat.example.com")


def origin(text: str) -> Misfit | None:
    """An origin of a web page: scheme, host, port unless it is the usual one; or `*`."""
    if text == "*":
        return None
    parts = _split(text)
    exact = parts is not None and text.lower() == f"{parts.scheme}://{parts.netloc}".lower()
    if parts is not None and exact and parts.scheme in ("http", "https") and _is_bare(parts):
        return None
    expected = 'an origin without path, such as "https://chat.example.com"'
    return Misfit(quoted(masked_url(text)), expected)


def exact_origin(text: str) -> Misfit | None:
    """An origin of a web page, and not any."""
    expected = 'an origin without path, such as "https://login.example.com"'
    return Misfit(quoted(text), expected) if text == "*" else origin(text)


def issuer_url(text: str) -> Misfit | None:
    """An issuer's identifier: an URL without query and fragment, compared exactly."""
    if "?" in text:
        expected = "an URL without query, such as https://login.example.com"
        return Misfit(quoted(masked_url(text)), expected)
    return jwks_url(text)


def oidc_scope(text: str) -> Misfit | None:
    """Names with one blank between; without `openid` it would be no OpenID Connect."""
    if re.fullmatch(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*", text) and "openid" in text.split():
        return None
    return Misfit(quoted(text), 'names with a blank between, "openid" among them')


def jwks_url(text: str) -> Misfit | None:
    """Where signing keys are published; whether http or a private host will do is asked later."""
    return _web_url(text, shown=quoted(masked_url(text)))


def webhook_url(text: str) -> Misfit | None:
    """Where notifications are sent. The whole URL may be a secret, so nothing of it is repeated."""
    return _web_url(text)


def database_url(text: str) -> Misfit | None:
    """SQLite's file, because readers and the writer each open it, or PostgreSQL's URL.

    The file is `sqlite:///PATH`, or a bare path that can be nothing else.
    """
    if is_postgres(text):
        return _postgres_url(text)
    expected = "a file such as ./chat.db, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
    path = text.removeprefix(SQLITE_PREFIX)
    if not path or (path == text and _BARE_PATH.fullmatch(text) is None):
        return Misfit(quoted(masked_url(text)), expected)
    if path == ":memory:" or re.search(r"[?#\x00-\x1f]", path):
        return Misfit(quoted(text), f"{expected}, a plain file path")
    return None


def is_postgres(database_url: str) -> bool:
    """Whether a `database_url` names a PostgreSQL database, rightly or not."""
    return database_url.partition(":")[0].lower() in _POSTGRES_SCHEMES


def _postgres_url(text: str) -> Misfit | None:
    """A URL that asyncpg reads as it is meant; what is wrong with it is said without quoting it."""
    expected = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE"
    scheme, _, rest = text.partition("://")
    place, slash, path = rest.partition("?")[0].partition("/")
    if scheme not in _POSTGRES_SCHEMES or not rest:
        return Misfit("a PostgreSQL URL of another form", expected)
    if re.search(r"[\s#\x00-\x1f]", text) or place.count("@") > 1 or "@" in path:
        got = "a PostgreSQL URL with characters that must be written as %40, %2F and so on"
        return Misfit(got, f"{expected}, with such characters encoded")
    hosts = place.rpartition("@")[2].split(",")
    if any(_split(f"//{one}") is None for one in hosts):
        return Misfit("a PostgreSQL URL with a bad host or port", expected)
    if not slash or not path or "/" in path:
        return Misfit("a PostgreSQL URL without the name of one database", expected)
    if re.search(r"[?&]password=", text, re.IGNORECASE):
        return Misfit("a PostgreSQL URL with a password among its options", expected)
    return None


def secret(text: str) -> Misfit | None:
    """A shared secret that is long enough for HS256 and not from a manual."""
    if is_example_secret(text):
        return Misfit("the secret of an example", "a secret of your own (openssl rand -hex 32)")
    size = len(text.encode("utf-8", "surrogateescape"))
    if size < SECRET_MIN_BYTES:
        expected = f"at least {SECRET_MIN_BYTES} bytes (openssl rand -hex 32)"
        return Misfit(f"a secret of {size} bytes", expected)
    return None


def public_key(text: str) -> Misfit | None:
    """A public key in PEM."""
    if "PRIVATE KEY" in text:
        return Misfit("a private key", "the public key only, in PEM")
    if not _PUBLIC_PEM.fullmatch(text.strip()):
        got = f"text of {len(text)} characters"
        return Misfit(got, 'a public key in PEM ("-----BEGIN PUBLIC KEY-----")')
    return None


def agent(text: str) -> Misfit | None:
    """The place of an agent, as one word; whether it can be imported is asked when it is."""
    if text and not re.search(r"\s", text) and text.isprintable():
        return None
    return Misfit(quoted(text), "an agent's place without spaces, such as my_app:agent")


def node_id(text: str) -> Misfit | None:
    """A name that fits into every log, label and subject."""
    if _NODE_ID.fullmatch(text):
        return None
    return Misfit(quoted(text), "1 to 63 of a-z, 0-9, - and _, a letter first")


def prefix(text: str) -> Misfit | None:
    """How user ids begin: what a user id can hold, and not nothing, which would be any user."""
    if user_id_problem(text) is None:
        return None
    return Misfit(quoted(text), "the beginning of user ids, without control characters")


def _web_url(text: str, *, shown: str | None = None) -> Misfit | None:
    """An http or https URL without user, password, fragment and spaces, not too long.

    Args:
        text: what was given.
        shown: how a misfit repeats it; None: it repeats nothing of it.
    """
    parts = _split(text)
    expected = "an https URL without user and password"
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return Misfit(shown or "text that is no http or https URL", expected)
    if "@" in parts.netloc:
        return Misfit("a URL with user or password", expected)
    if len(text) > _URL_MAX_CHARACTERS:
        return Misfit(f"a URL of {len(text)} characters", f"at most {_URL_MAX_CHARACTERS}")
    if parts.fragment or re.search(r"[\s\x00-\x20]", text):
        expected = f"{expected}, fragment and spaces"
        return Misfit(shown or "a URL with a fragment or spaces", expected)
    return None


def _split(url: str) -> SplitResult | None:
    """The URL's parts, or None where it is not a URL (bad brackets, a port that is no port)."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_bare(parts: SplitResult) -> bool:
    name = parts.hostname or ""
    return "@" not in parts.netloc and not parts.netloc.endswith(":") and host(name) is None
