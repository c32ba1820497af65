"""The one place where exceptions stop."""

from __future__ import annotations

import asyncio
import logging

import pytest

from headroom_proxy.edge import Edge


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError(), RecursionError(), MemoryError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), TimeoutError()]
)
def test_an_exception_stops_and_is_told(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with Edge("the place") as edge:
        raise error

    assert edge.error == f"{type(error).__name__} in the place"
    (record,) = caplog.records
    # An error logged while mitmproxy starts would end it.
    assert record.levelno == logging.WARNING
    assert edge.error in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_cancellation_and_exits_go_through(kind: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(kind), Edge("the place"):
        raise kind
    assert caplog.records == []


def test_nothing_happened(caplog: pytest.LogCaptureFixture) -> None:
    with Edge("the place") as edge:
        pass
    assert edge.error == ""
    assert caplog.records == []


def test_the_message_of_the_exception_is_not_in_what_the_flow_log_keeps() -> None:
    """It may quote content or a header."""
    with Edge("the place") as edge:
        raise ValueError("Bearer sk-secret")
    assert "secret" not in edge.error
