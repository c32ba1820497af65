from __future__ import annotations

from headroom_proxy.local_upstream.prefix_cache import Billed, PrefixCache, Segment, has_mark, segment

LONG = "word " * 2000


def prompt(*texts: str, until: int | None = None) -> list[Segment]:
    return [segment(text, ends_cached=until is None or index < until) for index, text in enumerate(texts)]


def test_what_was_sent_before_is_read() -> None:
    cache = PrefixCache()
    first = cache.bill("m", prompt(LONG, "a"))
    assert (first.read, first.fresh) == (0, 0)
    second = cache.bill("m", prompt(LONG, "a", "b"))
    assert second.read == first.written
    assert 0 < second.written < 10
    assert second.total == second.read + second.written + second.fresh


def test_a_change_before_the_end_costs_all_behind_it() -> None:
    cache = PrefixCache()
    whole = cache.bill("m", prompt(LONG, LONG, LONG)).written
    changed = cache.bill("m", prompt(LONG, "x" + LONG, LONG))
    assert changed.read == whole // 3
    assert changed.written > whole // 2
    assert cache.bill("m", prompt("x", LONG, LONG)).read == 0


def test_nothing_is_shared_between_scopes() -> None:
    cache = PrefixCache()
    cache.bill("m", prompt(LONG))
    assert cache.bill("n", prompt(LONG)).read == 0


def test_small_prompts_are_not_cached() -> None:
    cache = PrefixCache()
    cache.bill("m", prompt("few words"))
    assert cache.bill("m", prompt("few words")) == Billed(0, 0, 2)


def test_only_up_to_the_last_mark() -> None:
    cache = PrefixCache()
    billed = cache.bill("m", prompt(LONG, LONG, until=1))
    assert billed.written == billed.fresh
    assert cache.bill("m", prompt(LONG, LONG)).read == billed.written


def test_marks_are_no_part_of_the_prompt_and_pictures_no_text() -> None:
    plain = {"content": [{"type": "text", "text": "a"}]}
    marked = {"content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}
    assert segment(plain, ends_cached=False) == segment(marked, ends_cached=False)
    assert (has_mark(plain), has_mark(marked)) == (False, True)
    picture = segment({"type": "image", "data": "A" * 1000}, ends_cached=False)
    assert "AAA" in picture.text
    assert "AAA" not in picture.words
