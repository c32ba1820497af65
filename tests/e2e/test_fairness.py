"""Heavy requests hold nobody up: asserted by who arrives before whom, not by a clock."""

from __future__ import annotations

import threading
import time

from headroom_proxy.local_upstream import LocalUpstream
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import ANTHROPIC_HEADERS, ANTHROPIC_URL, anthropic_bytes, literal, tool_text

HEAVY = 20
HEAVY_RECORDS = 8_000


def test_a_light_request_overtakes_twenty_heavy_ones(proxy: Proxy, upstream: LocalUpstream) -> None:
    bodies = [anthropic_bytes(literal(tool_text(HEAVY_RECORDS, seed=1000 + number))) for number in range(HEAVY)]
    light = anthropic_bytes(literal("short"))
    ready = threading.Barrier(HEAVY + 1)

    def send(body: bytes) -> None:
        with proxy.client(timeout=60) as client:
            client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=light)
            ready.wait(30)
            client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    with proxy.client(timeout=60) as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=light)
        for thread in threads:
            thread.start()
        ready.wait(30)
        upstream.forget()
        while not arrived(upstream):
            time.sleep(0.001)
        # One heavy request is through: the others are in the proxy, or on their way into it.
        overtaken = []
        for _ in range(10):
            client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS | {"x-light": "1"}, content=light)
            overtaken.append(HEAVY - arrived(upstream))
    for thread in threads:
        thread.join(60)

    assert arrived(upstream) == HEAVY
    assert overtaken[0] >= HEAVY / 2, overtaken
    assert all(literal(tool_text(HEAVY_RECORDS, seed=1000)) not in request.raw for request in upstream.received)


def arrived(upstream: LocalUpstream) -> int:
    return sum(request.header("x-light") is None for request in upstream.received)
