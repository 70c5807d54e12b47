"""The routes of the pages: what is served, how it may be kept, and what it is allowed to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import PurePosixPath

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.testclient import TestClient

from threadcast.page import page_routes


def _nobody(_request: Request) -> Response | None:
    return None


ASSETS = {file.name: file.read_text() for file in (files("threadcast.page") / "assets").iterdir()}
SCRIPTS = {name: text for name, text in ASSETS.items() if name.endswith(".js")}
PATHS = sorted(route.path for route in page_routes(dev=False, refuse=_nobody))


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=page_routes(dev=False, refuse=_nobody))) as client:
        yield client


def test_both_pages_and_every_asset_are_served() -> None:
    loaded = {f"/assets/{name}" for name in ASSETS if not name.endswith(".html")}
    assert set(PATHS) == {"/", "/docs"} | loaded


@pytest.mark.parametrize("path", PATHS)
def test_each_file_has_its_type_a_strict_policy_and_a_strong_etag(
    client: TestClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    expected = kinds.get(PurePosixPath(path).suffix, "text/html")
    assert answer.headers["content-type"].startswith(expected)
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["etag"])
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = dict(
        rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert {value for name, value in policy.items() if name.endswith("-src")} == {
        "'none'",
        "'self'",
    }


@pytest.mark.parametrize("tags", ["{}", "W/{}", '"old", {}', "*"])
def test_a_file_that_is_known_is_not_sent_again(client: TestClient, tags: str) -> None:
    first = client.get("/")
    again = client.get("/", headers={"If-None-Match": tags.format(first.headers["etag"])})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["content-security-policy"]


def test_another_version_is_sent_whole(client: TestClient) -> None:
    answer = client.get("/", headers={"If-None-Match": '"0123"'})
    assert answer.status_code == 200
    assert "<!doctype html>" in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_who_is_refused_gets_that_answer_and_nothing_of_the_file(path: str) -> None:
    def refuse(request: Request) -> Response | None:
        return Response("no", 421) if request.headers["host"] == "evil.example" else None

    with TestClient(Starlette(routes=page_routes(dev=False, refuse=refuse))) as client:
        etag = client.get(path).headers["etag"]
        headers = {"Host": "evil.example", "If-None-Match": etag}
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.text) == (421, "no")


def test_head_is_answered_and_what_writes_is_not_allowed(client: TestClient) -> None:
    assert client.head("/").status_code == 200
    refused = client.post("/")
    assert refused.status_code == 405
    assert "GET" in refused.headers["allow"]


@pytest.mark.parametrize(("dev", "shown"), [(True, "true"), (False, "false")])
def test_the_page_knows_whether_names_are_enough(dev: bool, shown: str) -> None:
    with TestClient(Starlette(routes=page_routes(dev=dev, refuse=_nobody))) as client:
        assert f'<html lang="en" data-dev="{shown}">' in client.get("/").text


def test_every_address_is_relative_and_leads_somewhere_under_a_prefix() -> None:
    app = Starlette(routes=[Mount("/chat", routes=page_routes(dev=False, refuse=_nobody))])
    with TestClient(app) as client:
        for page in ("/chat/", "/chat/docs"):
            text = client.get(page).text
            for address in re.findall(r'(?:src|href)="([^"#]+)"', text):
                assert not re.match(r"[a-z]+:|/", address)
                if address.startswith("assets/"):
                    assert client.get(f"/chat/{address}").status_code == 200


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_load_only_each_other(name: str) -> None:
    for address in re.findall(r'from "([^"]+)"', SCRIPTS[name]):
        assert address.removeprefix("./") in SCRIPTS
    assert not re.search(r"https?://(?!\\)[a-z]", SCRIPTS[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_or_code_from_text(name: str) -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|"
        r"DOMParser|createContextualFragment|srcdoc"
    )
    assert re.findall(forbidden, SCRIPTS[name]) == []


def test_one_script_keeps_something_in_the_browser() -> None:
    kept = r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\."
    assert [name for name in sorted(SCRIPTS) if re.search(kept, SCRIPTS[name])] == ["session.js"]


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith((".html", ".svg"))])
def test_no_markup_carries_scripts_or_styles_inside(name: str) -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", ASSETS[name])


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".css")])
def test_style_sheets_load_only_what_is_here(name: str) -> None:
    for address in re.findall(r'url\("?([^")]+)"?\)', ASSETS[name]):
        assert address in ASSETS
