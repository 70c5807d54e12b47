"""The page before the build of `web/`, for as long as it stays at `/`."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from threadcast.page import PageFacts, page_routes

ASSETS = {file.name: file.read_text() for file in (files("threadcast.page") / "assets").iterdir()}
SCRIPTS = {name: text for name, text in ASSETS.items() if name.endswith(".js")}


@pytest.mark.parametrize(("dev", "shown"), [(True, "true"), (False, "false")])
def test_the_page_knows_whether_names_are_enough(dev: bool, shown: str) -> None:
    routes = page_routes(PageFacts(dev=dev), refuse=lambda _request: None)
    with TestClient(Starlette(routes=routes)) as client:
        assert f'<html lang="en" data-dev="{shown}">' in client.get("/").text
        for name in SCRIPTS:
            assert client.get(f"/assets/{name}").status_code == 200


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
