from __future__ import annotations

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from headroom_core.flow_log.prefixes import matching, shortest

IDS = st.lists(st.text("ab-%_é", min_size=1, max_size=12), unique=True, max_size=30)


def table(ids: list[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY)")
    connection.executemany("INSERT INTO t VALUES (?)", [(one,) for one in ids])
    return connection


@given(IDS, st.text("ab-%_é", min_size=1, max_size=12))
def test_a_beginning_finds_what_begins_so(ids: list[str], beginning: str) -> None:
    with closing(table(ids)) as db:
        found = matching(db, "t", "id", beginning)
    expected = sorted(one for one in ids if one.startswith(beginning))
    assert found == ([beginning] if beginning in ids else expected[:4])


@given(IDS)
def test_the_shortest_beginning_finds_its_id_only(ids: list[str]) -> None:
    with closing(table(ids)) as db:
        for one, short in shortest(db, "t", "id", ids).items():
            assert matching(db, "t", "id", short) == [one]
            assert len(short) >= min(8, len(one))


def test_it_is_no_longer_than_needed() -> None:
    ids = ["0123456789aa", "0123456789ab", "ffffffffffff"]
    with closing(table(ids)) as db:
        assert shortest(db, "t", "id", ids) == {ids[0]: ids[0], ids[1]: ids[1], ids[2]: "ffffffff"}


def test_nothing_and_what_cannot_be_an_id_find_nothing() -> None:
    with closing(table(["abc"])) as db:
        for beginning in ("", "\0", "a\ud800", "\n"):
            assert matching(db, "t", "id", beginning) == []
