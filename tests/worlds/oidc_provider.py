"""A small OpenID Connect provider on 127.0.0.1 for tests of the page's sign-in.

It supports authorization code with PKCE and refresh tokens, and strictly refuses any deviation from
the specifications. Users sign in with a name and no password.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from threadcast import UnifiedIdGenerator

CLIENT_ID = "chat-page"
AUDIENCE = "threadcast"
SESSION = "provider_session"
_FORM = """<!doctype html><html lang="en"><title>Provider</title>
<form method="post"><label>Your name <input name="user"></label><button>Continue</button></form>"""


@dataclass(slots=True)
class Provider:
    """The provider and a record of its requests.

    Attributes:
        token_life_s: how long access tokens live; tests shorten it.
        refuses_renewal: whether it refuses refresh tokens.
        grants: the types of requested grants, in order.
        problems: what a client did wrong.
    """

    token_life_s: float = 300.0
    refuses_renewal: bool = False
    issuer: str = ""
    grants: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    _codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    _refresh: dict[str, str] = field(default_factory=dict)

    def application(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._describe),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize, methods=["GET", "POST"]),
            Route("/token", self._token, methods=["POST"]),
            Route("/logout", self._logout),
        ]
        cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"])
        return Starlette(routes=routes, middleware=[cors])

    async def _describe(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "end_session_endpoint": f"{self.issuer}/logout",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def _keys(self, _: Request) -> Response:
        key = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return JSONResponse({"keys": [{**key, "kid": "one", "use": "sig", "alg": "ES256"}]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        user = request.cookies.get(SESSION)
        if request.method == "POST":
            user = (await _form(request))["user"]
        if problem := self._wrong_request(asked):
            self.problems.append(problem)
            return Response(problem, 400)
        if user is None and asked.get("prompt") == "none":
            return _back(asked, error="login_required", iss=self.issuer)
        if user is None:
            return HTMLResponse(_FORM)
        code = _unguessable("code")
        self._codes[code] = (user, asked)
        answer = _back(asked, code=code, iss=self.issuer)
        answer.set_cookie(SESSION, user, httponly=True)
        return answer

    def _wrong_request(self, asked: dict[str, str]) -> str | None:
        expected = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "code_challenge_method": "S256",
        }
        wrong = [name for name, text in expected.items() if asked.get(name) != text]
        needed = ("redirect_uri", "state", "nonce", "code_challenge")
        wrong += [name for name in needed if len(asked.get(name, "")) < 16]
        if "openid" not in asked.get("scope", "").split():
            wrong.append("scope")
        return f"authorize: wrong {', '.join(wrong)}" if wrong else None

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        self.grants.append(form.get("grant_type", ""))
        if form.get("grant_type") == "refresh_token":
            user = self._refresh.pop(form.get("refresh_token", ""), None)
            if user is None or self.refuses_renewal:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse(self._tokens(user))
        user, asked = self._codes.pop(form.get("code", ""), ("", {}))
        if problem := _wrong_exchange(form, asked):
            self.problems.append(problem)
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._tokens(user) | {"id_token": self._id_token(user, asked)})

    async def _logout(self, request: Request) -> Response:
        answer = RedirectResponse(request.query_params["post_logout_redirect_uri"])
        answer.delete_cookie(SESSION)
        return answer

    def _tokens(self, user: str) -> dict[str, object]:
        refresh = _unguessable("refresh")
        self._refresh[refresh] = user
        return {
            "access_token": self._sign(user, AUDIENCE, {"jti": _unguessable("token")}),
            "token_type": "Bearer",
            "expires_in": self.token_life_s,
            "refresh_token": refresh,
        }

    def _id_token(self, user: str, asked: dict[str, str]) -> str:
        return self._sign(user, CLIENT_ID, {"nonce": asked["nonce"]})

    def _sign(self, user: str, audience: str, more: dict[str, object]) -> str:
        now = time.time()
        claims = {"iss": self.issuer, "sub": user, "aud": audience, "iat": now, **more}
        claims["exp"] = now + self.token_life_s
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": "one"})


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode()))


def _unguessable(kind: str) -> str:
    return UnifiedIdGenerator.generate_base_id(kind, random_length=32)


def _wrong_exchange(form: dict[str, str], asked: dict[str, str]) -> str | None:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if asked.get("code_challenge") != challenge:
        return "token: the verifier does not fit, or the code is not known"
    same = all(form.get(name) == asked.get(name) for name in ("client_id", "redirect_uri"))
    return None if same else "token: another client or redirect_uri than before"


def _back(asked: dict[str, str], **answer: str) -> RedirectResponse:
    query = urlencode({**answer, "state": asked["state"]})
    return RedirectResponse(f"{asked['redirect_uri']}?{query}", 303)


@asynccontextmanager
async def provider_running() -> AsyncIterator[Provider]:
    """A provider that listens on a free port, in this process."""
    provider = Provider()
    config = uvicorn.Config(provider.application(), port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    sock = config.bind_socket()
    provider.issuer = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with_task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield provider
    finally:
        server.should_exit = True
        await with_task
