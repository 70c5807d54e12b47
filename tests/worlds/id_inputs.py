"""Inputs for ids in tests: ids of every kind, non-ids, and strategies for both."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

STEM = "chat_1763629200001_7_90c65fe4"
OTHER_STEM = "chat_1763629200001_8_90c65fe4"
THREAD, RUN, REQUEST = f"thread_{STEM}", f"run_{STEM}", f"req_{STEM}"
CONNECTION, FEED = "ws_conn_1763629200001_7_90c65fe4", "feed_1763629200001_7_90c65fe4"
INPUT = "input_1763629200001_7_90c65fe4"

OF_KIND = {
    "thread": THREAD,
    "run": RUN,
    "request": REQUEST,
    "ws_conn": CONNECTION,
    "feed": FEED,
    "input": INPUT,
}
"""One good id of each kind that an entrance takes or could be given by mistake."""

NOT_TEXT: tuple[Any, ...] = (
    None, True, 0, 1.5, b"run_chat_1763629200001_7_90c65fe4", (), [THREAD], {"a": 1}, object(), str,
)  # fmt: skip

OPERATIONS = st.from_regex("[a-z][a-z0-9_]{0,63}", fullmatch=True)
# Prefixes whose ends look like the other parts of an id.
PREFIXES = st.one_of(
    st.from_regex("[a-z][a-z0-9_]{0,71}", fullmatch=True),
    st.from_regex("[a-z](_[1-9][0-9]{12}|_[0-9]{1,12}|_[0-9a-f]{8}){1,3}", fullmatch=True),
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=400)
NEAR_IDS = st.from_regex(
    "(thread_|run_|req_|ws_|ws_conn_|feed_)?[a-z_0-9]{0,5}_?[0-9]{12,14}_[0-9]{0,13}_?[0-9a-fA-F]*",
    fullmatch=True,
)
ANYTHING = st.one_of(
    st.sampled_from(NOT_TEXT), ANY_TEXT, NEAR_IDS, st.integers(), st.floats(), st.binary()
)


def malformed(kind: str) -> dict[str, str]:
    """Texts that are no ids of this kind, by their defect, including ids of all other kinds.

    Legacy ids are not included: they have answers of their own.
    """
    good = OF_KIND[kind]
    wrong = {
        "a word": "x",
        "a space": " ",
        "its prefix": good.partition("_")[0] + "_",
        "a space after it": f"{good} ",
        "a line feed after it": f"{good}\n",
        "NUL after it": f"{good}\0",
        "NUL": "\0",
        "upper case": good.upper(),
        "one letter in upper case": good.capitalize(),
        "dots": good.replace("_", "."),
        "too few random digits": good[:-6],
        "no counter": good.replace("_7_", "_"),
        "the path above": "../",
        "the path above it": f"../{good}",
        "a path below it": f"{good}/x",
        "an encoded slash": f"{good}%2f",
        "an emoji": f"{good}\U0001f600",
        "a wide digit": f"{good[:-1]}\uff14",
        "SQL": f"{good}' OR '1'='1",
        "a wildcard": good.replace("_", "%", 1),
        "two of them": f"{good},{good}",
        "4 KiB": good + "a" * 4_096,
        "10 KiB": "thread_" * 1_463,
    }
    others = {f"a {other} id": text for other, text in OF_KIND.items() if other != kind}
    return wrong | others
