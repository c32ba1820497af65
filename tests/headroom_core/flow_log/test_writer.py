from __future__ import annotations

import multiprocessing
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headroom_core.flow_log import StoreReader, Writer, data_directory
from headroom_core.flow_log.backlog import MAX_ITEMS
from headroom_core.settings import Settings
from tests.flow_log_rig import PATIENCE, Logged, form, key, logging_to, noise, output, record, rows

DAY = 86_400


def count(path: Path, table: str) -> int:
    return int(rows(path, f"SELECT count(*) AS n FROM {table}")[0]["n"])  # noqa: S608  # names of this test


def test_records_and_forms_are_in_the_files(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged:
        logged.write([record(1, outputs=(output(1),))], [form(1)])
        assert count(tmp_path / "flows.db", "outputs") == 1
        assert StoreReader(tmp_path).forms([key(1)]) == {key(1): form(1).result}
    assert logged.warnings == []


def test_closing_writes_what_is_there_and_leaves_one_file_each(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged:
        for number in range(500):
            logged.writer.put_flow(record(number))
            logged.writer.put_forms([form(number)])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["flows.db", "store.db"]
    assert count(tmp_path / "flows.db", "flows") == count(tmp_path / "store.db", "forms") == 500
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in tmp_path.iterdir())


def test_after_closing_nothing_is_written_and_nothing_raised(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged:
        logged.write([record(1)])
    logged.writer.put_flow(record(2))
    logged.writer.put_forms([form(2)])
    logged.writer.touch([key(2)])
    assert logged.writer.flush(0)
    logged.writer.close(1)
    assert count(tmp_path / "flows.db", "flows") == 1
    assert logged.warnings == []


def test_what_is_put_before_the_start_is_written_after_it(tmp_path: Path) -> None:
    writer = Writer(tmp_path, Settings(), pytest.fail)
    writer.put_flow(record(1))
    assert not writer.flush(0)
    assert list(tmp_path.iterdir()) == []
    writer.start()
    writer.start()
    assert writer.flush(PATIENCE)
    writer.close(PATIENCE)
    assert count(tmp_path / "flows.db", "flows") == 1


def test_closing_without_a_start_is_over_at_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path, Settings(), pytest.fail)
    writer.put_flow(record(1))
    writer.close(PATIENCE)
    assert list(tmp_path.iterdir()) == []


def test_without_anyone_waiting_it_is_written_soon(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged:
        logged.write([record(1)])
        logged.writer.put_flow(record(2))
        deadline = time.monotonic() + PATIENCE
        while count(tmp_path / "flows.db", "flows") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_the_log_can_be_switched_off_while_the_store_is_kept(tmp_path: Path) -> None:
    with logging_to(tmp_path, Settings(flow_log=False)) as logged:
        logged.write([record(1)], [form(1)])
    assert [each.name for each in tmp_path.iterdir()] == ["store.db"]


def test_touching_keeps_from_expiring(tmp_path: Path) -> None:
    clock = [100.0 * DAY]
    with logging_to(tmp_path, clock=clock) as logged:
        logged.write(forms=[form(1), form(2)])
        clock[0] += 5 * DAY
        logged.writer.touch([key(1)])
        logged.writer.touch([])
        assert logged.writer.flush(PATIENCE)
        clock[0] += 5 * DAY
        logged.write(forms=[form(3)])
        logged.write(forms=[form(4)])  # expiry ran before this one
    assert {int.from_bytes(row["key"], "big") for row in rows(tmp_path / "store.db", "SELECT key FROM forms")} == {1, 3, 4}


def test_the_store_is_kept_below_its_cap_while_it_is_filled(tmp_path: Path) -> None:
    clock = [100.0 * DAY]
    with logging_to(tmp_path, Settings(store_megabytes=1), clock=clock) as logged:
        for number in range(60):
            logged.write(forms=[form(number, original=noise(50_000, number))])
    with sqlite3.connect(tmp_path / "store.db") as connection:
        stored = connection.execute("SELECT sum(size) FROM originals").fetchone()[0]
    connection.close()
    assert stored < 1_100_000
    assert (tmp_path / "store.db").stat().st_size < 1_300_000
    assert StoreReader(tmp_path).forms([key(59)]) != {}
    assert logged.warnings == []


def test_a_full_backlog_drops_and_says_so_once(tmp_path: Path) -> None:
    warnings: list[str] = []
    writer = Writer(tmp_path, Settings(), warnings.append)
    for number in range(MAX_ITEMS + 100):
        writer.put_flow(record(number))
    assert len(warnings) == 1
    assert "dropped" in warnings[0]
    writer.start()
    assert writer.flush(60)
    writer.put_flow(record(MAX_ITEMS + 200))
    writer.close(PATIENCE)
    assert count(tmp_path / "flows.db", "flows") == MAX_ITEMS + 1
    assert len(warnings) == 1


def test_memory_of_what_waits_is_bounded_in_bytes(tmp_path: Path) -> None:
    warnings: list[str] = []
    writer = Writer(tmp_path, Settings(), warnings.append)
    large = "x" * 10_000_000
    for number in range(30):
        writer.put_forms([form(number, original=large)])
    assert writer._backlog._held_bytes < 80_000_000
    assert len(warnings) == 1
    writer.start()
    writer.close(PATIENCE)
    assert 1 <= count(tmp_path / "store.db", "originals") < 30


def test_putting_is_cheap_even_while_a_large_text_is_written(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged:
        logged.write([record(0)])
        logged.writer.put_forms([form(1, original="é😀" * 2_000_000)])
        spent = []
        for number in range(1000):
            began = time.thread_time()
            logged.writer.put_flow(record(number))
            spent.append(time.thread_time() - began)
        assert sorted(spent)[500] < 0.0005
        assert logged.writer.flush(PATIENCE)


def test_many_threads_may_put(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged, ThreadPoolExecutor(8) as pool:
        list(pool.map(logged.writer.put_flow, [record(number) for number in range(800)]))
    assert count(tmp_path / "flows.db", "flows") == 800


def test_the_folder_may_be_deleted_meanwhile(tmp_path: Path) -> None:
    with logging_to(tmp_path / "log") as logged:
        logged.write([record(1)], [form(1)])
        for each in (tmp_path / "log").iterdir():
            each.unlink()
        (tmp_path / "log").rmdir()
        logged.write([record(2)], [form(2)])
    assert [row["id"] for row in rows(tmp_path / "log" / "flows.db", "SELECT id FROM flows")] == [record(2).id]
    assert logged.warnings == []


def test_the_folder_that_the_settings_name_is_used(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path / "named"))
    with logging_to(data_directory(settings), settings) as logged:
        logged.write([record(1)])
    assert count(tmp_path / "named" / "flows.db", "flows") == 1


def other_proxy(directory: str, first: int, total: int, said: multiprocessing.Queue[str]) -> None:
    writer = Writer(Path(directory), Settings(), said.put)
    writer.start()
    for number in range(first, first + total):
        writer.put_flow(record(number, conversation="shared", outputs=(output(number % 50),)))
        writer.put_forms([form(number % 50, text=f"from {first}"), form(number)])
        if number % 10 == 0:
            writer.flush(PATIENCE)
    writer.close(PATIENCE)


def test_two_processes_write_to_the_same_new_files(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    said: multiprocessing.Queue[str] = spawn.Queue()
    others = [spawn.Process(target=other_proxy, args=(str(tmp_path), first, 300, said)) for first in (1000, 2000)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
        assert other.exitcode == 0
    assert said.empty()
    assert count(tmp_path / "flows.db", "flows") == 600
    assert count(tmp_path / "flows.db", "outputs") == 50
    assert count(tmp_path / "store.db", "forms") == 650
    texts = {form.text for form in StoreReader(tmp_path).forms([key(number) for number in range(50)]).values() if hasattr(form, "text")}
    assert texts <= {"from 1000", "from 2000"}


def test_a_second_writer_in_the_same_process(tmp_path: Path) -> None:
    with logging_to(tmp_path) as one, logging_to(tmp_path) as other:
        both: list[Logged] = [one, other]
        for number in range(20):
            both[number % 2].write([record(number)], [form(number)])
    assert count(tmp_path / "flows.db", "flows") == count(tmp_path / "store.db", "forms") == 20
    assert one.warnings == other.warnings == []
