"""What a cache keeps is bounded in bytes, and the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from headroom_core.bounded_cache import BoundedCache


def test_the_least_recently_used_goes_first() -> None:
    cache: BoundedCache[str, int] = BoundedCache(30)
    cache.put("a", 1, 10)
    cache.put("b", 2, 10)
    cache.put("c", 3, 10)
    assert cache.get("a") == 1

    cache.put("d", 4, 10)

    assert cache.get("b") is None
    assert [cache.get(key) for key in "acd"] == [1, 3, 4]


def test_one_large_value_drives_several_out() -> None:
    cache: BoundedCache[str, int] = BoundedCache(30)
    for number, key in enumerate("abc"):
        cache.put(key, number, 10)

    cache.put("d", 4, 25)

    assert [cache.get(key) for key in "abcd"] == [None, None, None, 4]
    assert cache.size == 25


def test_a_value_larger_than_the_cache_is_not_kept_and_drives_nothing_out() -> None:
    cache: BoundedCache[str, int] = BoundedCache(30)
    cache.put("a", 1, 10)

    cache.put("b", 2, 31)

    assert (cache.get("a"), cache.get("b"), cache.size) == (1, None, 10)


def test_a_new_value_takes_the_place_of_the_old_and_of_its_size() -> None:
    cache: BoundedCache[str, int] = BoundedCache(30)
    cache.put("a", 1, 20)
    cache.put("a", 2, 5)
    assert (cache.get("a"), cache.size, len(cache)) == (2, 5, 1)

    # One that is too large must not leave the old one behind: it would be stale.
    cache.put("a", 3, 31)
    assert (cache.get("a"), cache.size, len(cache)) == (None, 0, 0)


def test_none_in_a_cache_of_size_zero() -> None:
    cache: BoundedCache[str, int] = BoundedCache(0)
    cache.put("a", 1, 1)
    assert cache.get("a") is None


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 40), st.booleans()), max_size=60))
def test_it_does_what_a_plain_model_of_it_does(steps: list[tuple[str, int, bool]]) -> None:
    cache: BoundedCache[str, int] = BoundedCache(50)
    model: OrderedDict[str, int] = OrderedDict()
    for key, size, put in steps:
        if put:
            cache.put(key, size, size)
            model.pop(key, None)
            if size <= 50:
                model[key] = size
            while sum(model.values()) > 50:
                model.popitem(last=False)
        else:
            assert cache.get(key) == model.get(key)
            if key in model:
                model.move_to_end(key)
        assert cache.size == sum(model.values()) <= 50
        assert len(cache) == len(model)


def test_threads_may_share_it() -> None:
    cache: BoundedCache[int, int] = BoundedCache(1000)

    def work(start: int) -> None:
        for number in range(3000):
            cache.put((start + number) % 300, number, 1 + number % 30)
            cache.get(number % 300)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))

    kept = [key for key in range(300) if cache.get(key) is not None]
    assert len(kept) == len(cache) > 0
    assert 0 < cache.size <= 1000
