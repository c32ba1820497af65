from __future__ import annotations

import base64
import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom_core.tokens import EstimatingCounter, counter
from headroom_core.tokens.estimate import WEIGHTS, features

ESTIMATE = EstimatingCounter("o200k_base")
RANDOM = random.Random(11)

PROSE = "The proxy sits between an agent and the provider, and rewrites the tool outputs in each request into fewer tokens. "
CODE = "    def find(self, name: str) -> Path | None:\n        return self._places.get(name) or self._default_place(name)\n\n"
RECORD = {"id": 10417, "name": "Ada Lovelace", "mail": "ada@example.org", "active": True, "score": 0.8132, "tags": ["x", "y"]}
LOG = "2026-11-23 13:12:01,123 ERROR [worker-3] app.db: connection to 10.0.0.7:5432 refused (attempt 3/5)\n"
HAN = "代理位于客户端和服务器之间,它会重写每个请求中的工具输出。"

TEXTS = {
    "prose": PROSE * 40,
    "code": CODE * 40,
    "json": json.dumps([RECORD] * 40),
    "log": LOG * 60,
    "han": HAN * 60,
    "digits": "".join(RANDOM.choice("0123456789") for _ in range(5_000)),
    "hex": "\n".join(RANDOM.randbytes(20).hex() for _ in range(100)),
    "base64": base64.b64encode(RANDOM.randbytes(5_000)).decode(),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_near_the_exact_count(text: str) -> None:
    assert ESTIMATE.count(text) == pytest.approx(counter().count(text), rel=0.25)


@pytest.mark.parametrize("kind", ["log", "han", "digits", "hex", "base64"])
def test_nearer_than_a_quarter_of_the_length(kind: str) -> None:
    text, exact = TEXTS[kind], counter().count(TEXTS[kind])
    assert abs(ESTIMATE.count(text) - exact) < abs(len(text) // 4 - exact) / 2


def test_nothing_is_nothing_and_something_is_something() -> None:
    assert ESTIMATE.count("") == 0
    assert ESTIMATE.count(" ") == 1
    assert not ESTIMATE.exact


@given(text=st.text(alphabet=st.characters(), max_size=200))
def test_any_text_has_an_estimate_and_a_number_for_each_weight(text: str) -> None:
    assert len(features(text)) == len(WEIGHTS)
    assert min(features(text)) >= 0
    assert 0 <= ESTIMATE.count(text) <= 3 * len(text) + 1


@given(text=st.text(alphabet="aB1 \n.é漢", max_size=100))
def test_a_text_twice_counts_about_twice(text: str) -> None:
    assert ESTIMATE.count(text + "\n" + text) >= 2 * ESTIMATE.count(text) - 3


@pytest.mark.parametrize("letter", ["a", " ", "\n", "-", "7", "漢", "\ud800"])
def test_long_runs_stay_tame(letter: str) -> None:
    started = time.process_time()
    assert ESTIMATE.count(letter * 4_000_000) > 20_000
    assert time.process_time() - started < 3


def test_pieces_of_a_long_text_add_up() -> None:
    text = TEXTS["log"]
    times = 1_200_000 // len(text)
    assert ESTIMATE.count(text * times) == pytest.approx(ESTIMATE.count(text) * times, rel=0.01)
