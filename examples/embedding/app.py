"""A small shop with a chat in its pages: its sign-in, its tokens, and Threadcast under `/chat`.

pip install 'threadcast[assistant]' fastapi
export THREADCAST_JWT_SECRET=$(openssl rand -hex 32)
uvicorn app:app --ws-max-size 262144
"""

import os
import secrets
import time
from pathlib import Path
from typing import Annotated

import jwt
from fastapi import Body, Cookie, FastAPI, HTTPException, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint

from threadcast import Settings, Threadcast

SECRET = os.environ["THREADCAST_JWT_SECRET"]
TOKEN_S = 900
SITE = Path(__file__).parent / "site"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
)

customers: dict[str, str] = {}  # who has which session; a real shop keeps them in its database

threadcast = Threadcast(Settings(jwt_secret=SECRET))
app = FastAPI(lifespan=threadcast.lifespan)
app.mount("/chat", threadcast.asgi())


Name = Annotated[str, Body(embed=True, min_length=1, max_length=40)]
Session = Annotated[str, Cookie()]


@app.post("/sign-in", status_code=204)
async def sign_in(name: Name, answer: Response) -> None:
    """Let anybody in under any name: a real shop asks for a password."""
    session = secrets.token_urlsafe()
    customers[session] = name
    answer.set_cookie("session", session, httponly=True, samesite="strict")


@app.post("/sign-out", status_code=204)
async def sign_out(answer: Response, session: Session = "") -> None:
    """Forget the session."""
    customers.pop(session, None)
    answer.delete_cookie("session")


@app.post("/chat-token")
async def chat_token(session: Session = "") -> dict[str, str]:
    """A token for the chat, for who is signed in at the shop."""
    if (name := customers.get(session)) is None:
        raise HTTPException(401, "nobody is signed in")
    now = time.time()
    claims = {"sub": name, "iat": now, "exp": now + TOKEN_S}
    return {"name": name, "token": jwt.encode(claims, SECRET, algorithm="HS256")}


@app.middleware("http")
async def with_policy(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """The shop's pages are strict, too; the chat's own pages bring a policy of their own."""
    answer = await call_next(request)
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    return answer


app.mount("/", StaticFiles(directory=SITE, html=True))
