"""TC501, TC502, TC503: sends before accept, sends after close, and swallowed sends."""

from __future__ import annotations

import pytest

from audit_tree import codes_in, findings_in

_HEAD = "from fastapi import WebSocket, WebSocketDisconnect\nimport asyncio, contextlib\n"


def function(body: str, *, name: str = "chat", decorator: str = "") -> str:
    """An endpoint with this body; `|` begins a new line."""
    lines = "\n".join(f"    {line}" for line in body.split("|"))
    return f"{_HEAD}{decorator}\nasync def {name}(ws: WebSocket, user, ok):\n{lines}\n"


_BEFORE_ACCEPT = (
    "await ws.send_json(1)|await ws.accept()",
    "await ws.send_text('hello')|await ws.accept()|await ws.send_text('x')",
    "if ok:|    await ws.accept()|await ws.send_json(1)",
    "data = await ws.receive_json()|await ws.accept()",
    "if not ok:|    await ws.send_json(1)|    return|await ws.accept()",
    "try:|    await check(user)|    await ws.accept()|except ValueError:|    await ws.send_json(1)",
    "for one in user:|    await ws.send_bytes(one)|await ws.accept()",
    "async for text in ws.iter_text():|    print(text)|await ws.accept()",
    "match ok:|    case 1:|        await ws.accept()|    case 2:|        await ws.send_json(2)",
    "try:|    manager = make(user)|except RuntimeError as error:|    await ws.send_json(str(error))"
    "|    return|await ws.accept()",
    "try:|    if allowed(user):|        await ws.accept()|except ValueError:|    await ws.send(1)",
    "try:|    for one in rows(user):|        print(one)|except Exception:|    await ws.send_json(1)"
    "|await ws.accept()",
    "try:|    with locked(user):|        pass|except TimeoutError:|    await ws.send_text('busy')"
    "|    return|await ws.accept()",
    "try:|    number = int(user)|    await ws.accept()|except ValueError:|    await ws.send(1)",
    "try:|    try:|        check(user)|    except KeyError:|        pass|    await ws.accept()"
    "|except ValueError:|    await ws.send_json(1)",
)
_ACCEPTED = (
    "await ws.accept()|await ws.send_json(1)",
    "if not ok:|    await ws.close()|    return|await ws.accept()|await ws.send_json(1)",
    "await manager.connect(ws)|await ws.send_json(1)",
    "await ws.send_json(1)",
    "if ok:|    await ws.accept()|else:|    await ws.accept('x')|await ws.send_json(1)",
    "try:|    await ws.accept()|except RuntimeError:|    return|await ws.send_json(1)",
    "await ws.accept()|while True:|    text = await ws.receive_text()|    await ws.send_text(text)",
    "await check(user, ws)|await ws.send_json(1)|await ws.accept()",
    "if ws.client_state == 1:|    await ws.send_json(1)|await ws.accept()",
    "async def later():|    await ws.send_json(1)|await ws.accept()|await later()",
    "try:|    print(user)|    await ws.accept()|except ValueError:|    await ws.send_json(1)",
    "try:|    logger.info('new: %s', user.get('id'))|    await ws.accept()|    await work(user)"
    "|except Exception:|    await ws.send_json(1)",
    "try:|    manager = make(user)|except RuntimeError:|    await ws.close()|    return"
    "|await ws.accept()|await ws.send_json(1)",
    "await ws.accept()|try:|    manager = make(user)|except RuntimeError:|    await ws.send(1)",
    "try:|    try:|        check(user)|    except Exception:|        user = None"
    "|    await ws.accept()|    await work(user)|except ValueError:|    await ws.send_json(1)",
    "try:|    check(user)|    await ws.accept()|    await work(ws)|except WebSocketDisconnect:"
    "|    await ws.send_json(1)",
    "try:|    await ws.accept(pick(user))|except ValueError:|    await ws.send_json(1)",
    "try:|    def later():|        work(user)|    await ws.accept()|except ValueError:"
    "|    await ws.send_json(1)",
)


@pytest.mark.parametrize("body", _BEFORE_ACCEPT)
def test_what_is_sent_before_accepting_is_found(body: str) -> None:
    assert codes_in(function(body)) == ["TC501"]


@pytest.mark.parametrize("body", _ACCEPTED)
def test_what_is_sent_when_accepted_is_left_alone(body: str) -> None:
    assert codes_in(function(body)) == []


def test_an_endpoint_that_never_accepts_is_found() -> None:
    body = "await ws.send_json(1)"

    assert codes_in(function(body, decorator="@app.websocket('/ws')")) == ["TC501"]


_AFTER_CLOSE = (
    "await ws.close()|await ws.send_json(1)",
    "await ws.accept()|if not ok:|    await ws.close()|await ws.send_json(1)",
    "await ws.accept()|try:|    await ws.receive_text()|except WebSocketDisconnect:"
    "|    await ws.send_json(1)",
    "await ws.accept()|for one in user:|    await ws.send_text(one)|    if ok:"
    "|        await ws.close()",
    "await ws.close(code=4401)|await asyncio.sleep(1)|await ws.send_text('late')",
    "try:|    await work(user)|finally:|    await ws.close()|await ws.send_json(1)",
    "await ws.accept()|if ok:|    pass|else:|    await ws.close()|await ws.send_bytes(b'')",
    "await ws.close()|await note(ws)|await ws.send_json(1)",
    "if not ok:|    await ws.close()|await ws.accept()",
    "with contextlib.suppress(ValueError):|    await ws.close()|await ws.send_json(1)",
)
_OPEN = (
    "await ws.accept()|if not ok:|    await ws.close()|    return|await ws.send_json(1)",
    "await ws.accept()|if not ok:|    await ws.close()|    raise ValueError|await ws.send_json(1)",
    "await ws.send_json(1)|await ws.close()",
    "await ws.accept()|try:|    await ws.receive_text()|except WebSocketDisconnect:"
    "|    forget(user)",
    "await ws.accept()|for one in user:|    if ok:|        await ws.close()|        break"
    "|    await ws.send_text(one)",
    "await ws.accept()|try:|    await work(user)|except ValueError:|    await ws.send_json(1)"
    "|finally:|    await ws.close()",
    "await ws.accept()|while True:|    if ok:|        await ws.close()|        return"
    "|    await ws.send_json(1)",
    "await ws.close()|await other.send_json(1)",
    "await ws.accept()|try:|    await ws.send_text(await ask(user))|    await ws.close()"
    "|except ValueError:|    await ws.send_json(1)",
)


@pytest.mark.parametrize("body", _AFTER_CLOSE)
def test_what_is_sent_after_closing_is_found(body: str) -> None:
    assert codes_in(function(body)) == ["TC502"]


@pytest.mark.parametrize("body", _OPEN)
def test_what_is_sent_while_open_is_left_alone(body: str) -> None:
    assert codes_in(function(body)) == []


_SWALLOWED = (
    "try:|    await ws.send_json(1)|except Exception:|    pass",
    "try:|    await ws.send_text('x')|except:|    pass",
    "for ws in user:|    try:|        await ws.send_json(1)|    except Exception:|        continue",
    "try:|    await self.websocket.send_bytes(b'')|except RuntimeError:|    pass",
    "try:|    await connection.send(1)|except BaseException:|    ...",
    "with contextlib.suppress(Exception):|    await ws.send_json(1)",
    "try:|    await user.socket.send_str('x')|except (ValueError, Exception):|    pass",
    "for client in user:|    with contextlib.suppress(RuntimeError):"
    "|        await client.send_text('x')",
)
_NOTICED = (
    "try:|    await ws.send_json(1)|except Exception:|    log.exception('gone')",
    "try:|    await ws.send_json(1)|except WebSocketDisconnect:|    pass",
    "try:|    await ws.send_json(1)|except Exception:|    gone.append(ws)",
    "try:|    await ws.send_json(1)|except Exception:|    break_ = True",
    "try:|    await queue.send(1)|except Exception:|    pass",
    "try:|    await ws.send_json(1)|except Exception:|    raise",
    "try:|    await ws.send_json('bye')|except Exception:|    pass|await ws.close()",
    "try:|    await work(user)|except ValueError:|    try:|        await ws.send_json(1)"
    "|    except Exception:|        pass",
    "try:|    ws.send(1)|except Exception:|    pass",
)


@pytest.mark.parametrize("body", _SWALLOWED)
def test_a_swallowed_send_is_found(body: str) -> None:
    assert codes_in(function(body, name="deliver")) == ["TC503"]


@pytest.mark.parametrize("body", _NOTICED)
def test_a_send_whose_failure_is_noticed_is_left_alone(body: str) -> None:
    assert codes_in(function(body, name="deliver")) == []


def test_a_last_word_before_leaving_is_left_alone() -> None:
    body = "try:|    await ws.send_json(1)|except Exception:|    pass"

    assert codes_in(function(body, name="close_politely")) == []


def test_the_message_says_which_way_leads_there() -> None:
    (sure,) = findings_in(function("await ws.close()|await ws.send_json(1)"))
    (perhaps,) = findings_in(function(_AFTER_CLOSE[1]))

    assert sure.message == "`ws.send_json` is called after it was closed"
    assert perhaps.message.endswith("after it was closed, on one way through the function")


def test_sockets_of_other_libraries_are_left_alone() -> None:
    text = "from websockets import WebSocket\nasync def f(ws: WebSocket):\n"

    assert codes_in(text + "    await ws.close()\n    await ws.send_text('x')\n") == []


def test_a_socket_is_known_without_its_type_where_it_is_accepted() -> None:
    text = (
        "async def f(websocket):\n    await websocket.send_json(1)\n    await websocket.accept()\n"
    )

    assert codes_in(text) == ["TC501"]
