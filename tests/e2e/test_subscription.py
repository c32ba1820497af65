"""A client's mark over its body together with a subscription login: such a request is only observed, unless the user wants more."""

from __future__ import annotations

from collections.abc import Callable

from headroom_proxy.local_upstream import LocalUpstream
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import ANTHROPIC_HEADERS, ANTHROPIC_URL, anthropic_bytes, literal, replaced, tool_text

MARK = b'"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli; cch=abcde;"}],'
LOGIN = {"authorization": "Bearer sk-ant-oat01-made-up"}


def send(proxy: Proxy, headers: dict[str, str], extra: bytes, seed: int) -> tuple[bytes, bytes]:
    result = literal(tool_text(200, seed=seed))
    body = anthropic_bytes(result, extra=extra)
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS | headers, content=body)
    return body, result


def test_with_both_it_is_only_observed(proxy: Proxy, upstream: LocalUpstream) -> None:
    body, _ = send(proxy, LOGIN, MARK, 80)
    assert upstream.received[0].raw == body
    row = proxy.flow_log.flow()
    assert (row["reason"], row["changed"], row["outputs_total"]) == ("subscription_audit", 0, 1)


def test_with_the_mark_and_an_api_key_it_is_rewritten(proxy: Proxy, upstream: LocalUpstream) -> None:
    body, result = send(proxy, {}, MARK, 81)
    assert "rec-1000" in replaced(body, upstream.received[0].raw, result)


def test_with_the_login_alone_it_is_rewritten(proxy: Proxy, upstream: LocalUpstream) -> None:
    body, result = send(proxy, LOGIN, b"", 82)
    assert "rec-1000" in replaced(body, upstream.received[0].raw, result)


def test_the_user_may_switch_it_on_and_is_told(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    proxy = start_proxy(options={"headroom_subscription": "optimize"})
    body, result = send(proxy, LOGIN, MARK, 83)
    assert "rec-1000" in replaced(body, upstream.received[0].raw, result)
    assert "subscription logins: optimize" in proxy.log
    assert proxy.flow_log.flow()["changed"]
