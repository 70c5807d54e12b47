"""What is refused over HTTP: a document for programs, a page with a way back for people."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
from starlette.routing import Mount, Router
from starlette.types import Scope

from http_world import BASE_URL, World, running
from threadcast.errors import ThreadcastError
from threadcast.http.refusals import refusal_answer

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
REQUEST = "req_test_1763629200001_7_90c65fe4"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as world:
        yield world


def way_home(page: str) -> str:
    """Where the page's one link leads."""
    [href] = re.findall(r'<a class="home" href="([^"]*)"', page)
    return str(unescape(href))


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json,text/html;q=0.9"]
)
async def test_programs_read_a_document(world: World, accept: str | None) -> None:
    async with world.client() as client:
        answer = await client.get("/nothing", headers={} if accept is None else {"accept": accept})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "accept" in answer.headers.get_list("vary")


async def test_people_read_a_page_with_the_same_facts(world: World) -> None:
    async with world.client() as client:
        lost = await client.get("/nothing/here", headers={**BROWSER, "x-request-id": REQUEST})
        strange = await client.get("/v1/threads", headers=BROWSER)
        empty = await client.head("/nothing", headers=BROWSER)
    assert [one.status_code for one in (lost, strange, empty)] == [404, 401, 404]
    assert "<h1>There is nothing at this address.</h1>" in lost.text
    assert f"<dd>{REQUEST}</dd>" in lost.text
    assert lost.headers["cache-control"] == "no-store"
    assert "not_authenticated" in strange.text
    assert strange.headers["www-authenticate"].startswith("Bearer")
    assert empty.headers["content-type"] == "text/html; charset=utf-8"


async def test_the_page_may_do_nothing_but_look_as_it_does(world: World) -> None:
    async with world.client() as client:
        page = await client.get("/nothing", headers=BROWSER)
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "<script" not in page.text


@pytest.mark.parametrize("path", ["/", "/x", "/x/", "/v1/a/b", "/x/y/", "/a%2Fb/c", "/a/b?c=/d/e"])
@pytest.mark.parametrize("prefix", ["", "/chat", "/deep/chat"])
async def test_the_way_back_leads_to_the_root_under_any_prefix(
    world: World, prefix: str, path: str
) -> None:
    """Also where the application knows of no prefix, because a proxy takes it away."""
    app = Router(routes=[Mount(prefix, world.app)]) if prefix else world.app
    for shown, asked in ((prefix, app), ("/proxied", world.app)):
        address = f"{prefix if asked is app else ''}{path}"
        transport = httpx2.ASGITransport(app=asked)
        async with httpx2.AsyncClient(transport=transport) as client:
            page = await client.get(httpx2.URL(BASE_URL + address), headers=BROWSER)
        assert page.status_code == 404
        home = urljoin(f"{BASE_URL}{shown}{path}", way_home(page.text))
        assert home == f"{BASE_URL}{shown}/"


@pytest.mark.parametrize("root", ["", "/deep/chat"])
async def test_the_way_back_needs_no_undecoded_path(root: str) -> None:
    scope: Scope = {
        "type": "http",
        "path": f"{root}/a/b",
        "root_path": root,
        "headers": [(b"accept", b"text/html")],
    }
    error = ThreadcastError("not_found", "<script>&")
    answer = refusal_answer(error, scope, request_id=REQUEST, has_pages=True)
    assert way_home(bytes(answer.body).decode()) == "../"
    assert b"&lt;script&gt;&amp;" in bytes(answer.body)


def test_where_there_are_no_pages_nothing_leads_to_one() -> None:
    scope: Scope = {"type": "http", "path": "/x", "headers": [(b"accept", b"text/html")]}
    error = ThreadcastError("wrong_role")
    page = refusal_answer(error, scope, request_id=REQUEST, has_pages=False)
    assert page.status_code == 421
    assert b"href" not in bytes(page.body)
