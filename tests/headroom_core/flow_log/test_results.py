from __future__ import annotations

from headroom_core.flow_log.results import Billed, Savings, Totals


def test_shares_are_worked_out() -> None:
    savings = Savings(outputs=2, rewritten=1, tokens_before=1000, tokens_after=400)
    assert (savings.tokens_saved, savings.share_saved) == (600, 0.6)
    billed = Billed(requests=1, input_tokens=100, cache_read_tokens=700, cache_write_tokens=200, output_tokens=50)
    assert billed.share_cached == 0.7


def test_an_empty_log_has_no_division_by_zero() -> None:
    told = Totals().model_dump()
    assert told["savings"]["share_saved"] == 0.0
    assert told["billed"]["share_cached"] == 0.0
    assert told["requests"] == 0
