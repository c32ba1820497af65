from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headroom_core.flow_log.database_file import open_for_writing
from headroom_core.flow_log.expiry import LOG_DAYS, content_bytes, expire_log, expire_set_aside, expire_store
from headroom_core.flow_log.forms import touch_forms, write_forms
from headroom_core.flow_log.records import write_records
from headroom_core.flow_log.schema import CONTENT_STORE, FLOW_LOG
from headroom_core.model import Reason, Skipped
from tests.flow_log_rig import form, key, noise, output, record

DAY = 86_400
NOW = 1_700_000_000.0


def never() -> bool:
    return False


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_for_writing(tmp_path / "store.db", CONTENT_STORE)) as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_for_writing(tmp_path / "flows.db", FLOW_LOG)) as opened:
        yield opened


def kept(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
    forms = [int.from_bytes(row[0], "big") for row in connection.execute("SELECT key FROM forms ORDER BY key")]
    originals = [int(row[0], 16) for row in connection.execute("SELECT content_id FROM originals ORDER BY content_id")]
    return forms, originals


def test_what_was_not_used_for_the_days_goes(store: sqlite3.Connection) -> None:
    write_forms(store, [form(1)], NOW - 8 * DAY)
    write_forms(store, [form(2), form(3, original=None, result=Skipped(Reason.TOO_SMALL))], NOW - 6 * DAY)
    expire_store(store, NOW, 7, 100, never)
    assert kept(store) == ([2, 3], [2])


def test_what_was_used_since_stays(store: sqlite3.Connection) -> None:
    write_forms(store, [form(1), form(2)], NOW - 20 * DAY)
    touch_forms(store, [key(2)], NOW - DAY)
    expire_store(store, NOW, 7, 100, never)
    assert kept(store) == ([2], [2])


def test_more_than_one_step_of_old_rows_goes(store: sqlite3.Connection) -> None:
    write_forms(store, [form(number) for number in range(1000)], NOW - 8 * DAY)
    write_forms(store, [form(1000)], NOW)
    expire_store(store, NOW, 7, 100, never)
    assert kept(store) == ([1000], [1000])


def test_over_the_cap_the_oldest_use_goes_first_and_the_file_shrinks(tmp_path: Path, store: sqlite3.Connection) -> None:
    for number in range(40):
        write_forms(store, [form(number, text=noise(1000), original=noise(100_000))], NOW + number)
    touch_forms(store, [key(0)], NOW + 2 * DAY)
    assert content_bytes(store) > 4_000_000
    expire_store(store, NOW + 2 * DAY, 7, 2, never)
    forms, originals = kept(store)
    assert 0 in originals
    assert originals[1:] == list(range(40 - len(originals) + 1, 40))
    assert 10 < len(originals) < 25
    assert set(originals) <= set(forms)
    assert 1_500_000 < content_bytes(store) <= 1_800_000
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert (tmp_path / "store.db").stat().st_size <= 1_900_000


def test_below_the_cap_nothing_goes(store: sqlite3.Connection) -> None:
    write_forms(store, [form(number, original=noise(100_000)) for number in range(8)], NOW)
    expire_store(store, NOW, 7, 2, never)
    assert len(kept(store)[1]) == 8


def test_expired_text_is_not_left_in_the_file(tmp_path: Path, store: sqlite3.Connection) -> None:
    secret = noise(3000)
    write_forms(store, [form(1, text="x", original=secret)], NOW - 30 * DAY)
    packed = store.execute("SELECT text FROM originals").fetchone()[0]
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert packed[:500] in (tmp_path / "store.db").read_bytes()
    expire_store(store, NOW, 7, 100, never)
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert packed[:500] not in (tmp_path / "store.db").read_bytes()


def test_a_run_can_be_cut_short(store: sqlite3.Connection) -> None:
    write_forms(store, [form(number) for number in range(1000)], NOW - 30 * DAY)
    asked = iter([False, False, True, True, True, True])
    expire_store(store, NOW, 7, 100, lambda: next(asked))
    assert len(kept(store)[0]) == 600


def test_log_rows_go_after_a_year_with_their_outputs(log: sqlite3.Connection) -> None:
    old = [record(number, started_at=NOW - (LOG_DAYS + 1) * DAY, outputs=(output(number),)) for number in range(500)]
    write_records(log, [*old, record(999, started_at=NOW - (LOG_DAYS - 1) * DAY, outputs=(output(999),))])
    expire_log(log, NOW, never)
    assert log.execute("SELECT id FROM flows").fetchall() == [(record(999).id,)]
    assert log.execute("SELECT flow_id FROM outputs").fetchall() == [(record(999).id,)]


def test_damaged_stores_that_were_set_aside_go_too(tmp_path: Path) -> None:
    names = ["store.db.corrupt-20231101-120000", "store.db.corrupt-20231101-120000-wal", "store.db.corrupt-20231114-120000-2"]
    others = ["store.db", "store.db.corrupt-of-the-user", "flows.db.corrupt-20231101-120000"]
    for name in (*names, *others):
        (tmp_path / name).touch()
    expire_set_aside(tmp_path / "store.db", NOW, 7)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([names[2], *others])
