"""The routes of the pages: what is served, how it may be kept, and what it is allowed to do."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.testclient import TestClient

from threadcast.page import NOT_BUILT, PageFacts, Pages, SignInService

ISSUER = "https://login.example"
ALL = PageFacts(
    dev=True,
    demo=True,
    console=True,
    oidc=SignInService(f"{ISSUER}/t", "chat", "openid", (ISSUER,)),
)
DOCUMENTS = {"/": "index.html", "/docs": "docs.html", "/console": "console.html"}
SCRIPT = "export const words = " + json.dumps(["threadcast"] * 200) + ";"
HASHED = "/assets/chat-B4x_9z.js"
LONG = "public, max-age=31536000, immutable"


def _nobody(_request: Request) -> Response | None:
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build leaves, in little."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "assets").mkdir()
    for name in DOCUMENTS.values():
        facts = '<meta name="threadcast-page" content="{}" />'
        (folder / name).write_text(f"<!doctype html><title>{name}</title>{facts}")
    (folder / "assets" / "chat-B4x_9z.js").write_text(SCRIPT)
    (folder / "assets" / "chat-B4x_9z.css").write_text("main { color: teal }")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "threadcast-chat.js").write_text(SCRIPT)
    (folder / "notes.map").write_text("{}")
    return folder


def serving(folder: Path, facts: PageFacts = ALL) -> TestClient:
    routes = Pages(facts, refuse=_nobody, folder=folder).routes
    return TestClient(Starlette(routes=routes), headers={"Accept-Encoding": "identity"})


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with serving(folder) as client:
        yield client


LOADED = (HASHED, "/assets/chat-B4x_9z.css", "/favicon.svg", "/threadcast-chat.js")
PATHS = (*DOCUMENTS, *LOADED)


def test_the_documents_and_what_they_load_are_served_and_nothing_else(folder: Path) -> None:
    routes = Pages(ALL, refuse=_nobody, folder=folder).routes
    assert sorted(route.path for route in routes) == sorted(PATHS)


def test_the_console_comes_and_goes_while_others_stay(folder: Path) -> None:
    pages = Pages(PageFacts(), refuse=_nobody, folder=folder)
    with TestClient(Starlette(routes=pages.routes)) as client:
        unknown = client.get("/nothing")
        for wanted in (False, True, False):
            pages.tell(PageFacts(console=wanted))
            answer = client.get("/console")
            assert answer.status_code == (200 if wanted else 404)
            assert (answer.content == unknown.content) is not wanted
            assert f"console&quot;:{str(wanted).lower()}" in client.get("/").text
            assert client.get(HASHED).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_each_file_has_its_type_and_a_strong_etag(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    expected = kinds.get(PurePosixPath(path).suffix, "text/html")
    assert answer.headers["content-type"].startswith(expected)
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["etag"])
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PATHS)
def test_only_what_is_named_by_its_hash_is_kept_without_asking(
    client: TestClient, path: str
) -> None:
    kept = LONG if path.startswith("/assets/") else "no-cache"
    assert client.get(path).headers["cache-control"] == kept


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/threadcast-chat.js"])
def test_a_strict_policy_stands_over_what_our_documents_load(client: TestClient, path: str) -> None:
    text = client.get(path).headers["content-security-policy"]
    policy = dict(rule.split(" ", 1) for rule in text.split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "threadcast"
    assert policy.pop("connect-src") == f"'self' {ISSUER}"
    sources = {value for name, value in policy.items() if name.endswith("-src")}
    assert sources == {"'none'", "'self'"}
    assert "unsafe" not in text


def test_without_a_sign_in_service_a_page_talks_to_its_own_server_only(folder: Path) -> None:
    with serving(folder, PageFacts()) as client:
        policy = client.get("/").headers["content-security-policy"]
    assert "connect-src 'self';" in policy


def test_only_named_origins_may_frame_the_chat_and_nobody_another_page(folder: Path) -> None:
    facts = PageFacts(console=True, embedding=("https://a.example", "https://b.example"))
    with serving(folder, facts) as client:
        policies = {path: client.get(path).headers for path in ("/", "/docs", "/console", HASHED)}
    framed_by = {
        path: re.findall(r"frame-ancestors ([^;]+);", headers["content-security-policy"])
        for path, headers in policies.items()
    }
    nobody = ["'none'"]
    assert framed_by.pop("/") == ["https://a.example https://b.example"]
    assert framed_by == {"/docs": nobody, "/console": nobody, HASHED: nobody}


def test_pages_of_others_may_load_the_element_and_nothing_else(client: TestClient) -> None:
    element = client.get("/threadcast-chat.js", headers={"Origin": "https://shop.example"})
    assert element.headers["access-control-allow-origin"] == "*"
    assert element.headers["cross-origin-resource-policy"] == "cross-origin"
    for path in ("/", HASHED):
        own = client.get(path, headers={"Origin": "https://shop.example"})
        assert "access-control-allow-origin" not in own.headers
        assert own.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_told_about_the_server(client: TestClient, path: str) -> None:
    found = re.search(r'name="threadcast-page" content="([^"]*)"', client.get(path).text)
    assert found is not None
    assert json.loads(html.unescape(found[1])) == {
        "dev": True,
        "demo": True,
        "console": True,
        "embedding": [],
        "oidc": {
            "issuer": f"{ISSUER}/t",
            "client_id": "chat",
            "scope": "openid",
            "origins": [ISSUER],
        },
    }


def test_a_fact_cannot_leave_its_attribute(folder: Path) -> None:
    hostile = SignInService(f'{ISSUER}/"><script>', "\\1&quot;", "<", ())
    with serving(folder, PageFacts(oidc=hostile)) as client:
        text = client.get("/").text
    assert "<script>" not in text
    found = re.search(r'content="([^"]*)" />$', text)
    assert found is not None
    assert json.loads(html.unescape(found[1]))["oidc"]["client_id"] == "\\1&quot;"


def test_a_document_without_a_place_for_the_facts_is_our_own_fault(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    with pytest.raises(RuntimeError, match=r"index\.html has 0 places"):
        Pages(ALL, refuse=_nobody, folder=tmp_path)


@pytest.mark.parametrize("tags", ["{}", "W/{}", '"old", {}', "*"])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_file_that_is_known_is_not_sent_again(client: TestClient, tags: str, coding: str) -> None:
    as_asked = {"Accept-Encoding": coding}
    first = client.get(HASHED, headers=as_asked)
    known = {"If-None-Match": tags.format(first.headers["etag"])}
    again = client.get(HASHED, headers=as_asked | known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["vary"] == "Accept-Encoding"
    assert again.headers["content-security-policy"]


def test_another_version_is_sent_whole(client: TestClient) -> None:
    answer = client.get("/", headers={"If-None-Match": '"0123"'})
    assert answer.status_code == 200
    assert "<!doctype html>" in answer.text


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br;q=1.0, GZIP;q=0.2", True),
        ("*", True),
        ("gzip, *;q=0", True),
        ("gzip;q=0, *", False),
        ("gzip;q=", False),
        ("br, zstd", False),
        ("identity", False),
    ],
)
def test_a_script_is_sent_as_the_client_takes_it(
    client: TestClient, accepted: str, packed: bool
) -> None:
    asked = {"Accept-Encoding": accepted}
    with client.stream("GET", HASHED, headers=asked) as answer:
        body = b"".join(answer.iter_raw())
    assert (gzip.decompress(body) if packed else body) == SCRIPT.encode()
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["vary"] == "Accept-Encoding"


def test_each_representation_has_a_tag_of_its_own(client: TestClient) -> None:
    tags = {
        client.get(HASHED, headers={"Accept-Encoding": coding}).headers["etag"]
        for coding in ("gzip", "identity")
    }
    assert len(tags) == 2


def test_what_is_small_is_not_compressed(client: TestClient) -> None:
    answer = client.get("/favicon.svg", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
def test_a_refused_request_gets_only_the_refusal(folder: Path, path: str) -> None:
    def refuse(request: Request) -> Response | None:
        return Response("no", 421) if request.headers["host"] == "evil.example" else None

    routes = Pages(ALL, refuse=refuse, folder=folder).routes
    with TestClient(Starlette(routes=routes)) as client:
        etag = client.get(path).headers["etag"]
        headers = {"Host": "evil.example", "If-None-Match": etag}
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.text) == (421, "no")


def test_head_is_answered(client: TestClient) -> None:
    head = client.head("/")
    assert (head.status_code, head.headers["etag"]) == (200, client.get("/").headers["etag"])


@pytest.mark.parametrize("path", DOCUMENTS)
def test_without_a_build_every_page_says_what_is_missing_and_what_helps(
    tmp_path: Path, path: str
) -> None:
    with serving(tmp_path / "never") as client:
        answer = client.get(path, headers={"If-None-Match": "*"})
    assert answer.status_code == 503
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"]
    assert NOT_BUILT[1:] in re.sub("</?code>", "", answer.text)


def test_under_a_prefix_the_same_is_served(folder: Path) -> None:
    routes = Pages(ALL, refuse=_nobody, folder=folder).routes
    with TestClient(Starlette(routes=[Mount("/chat", routes=routes)])) as client:
        for path in PATHS:
            assert client.get(f"/chat{path}").status_code == 200
