from __future__ import annotations

import json
import re
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from headroom_core.flow_log.database_file import open_for_writing
from headroom_core.flow_log.schema import FLOW_LOG
from headroom_core.model import Usage
from headroom_proxy.commands.log import get, log, show, stats
from tests.flow_log_rig import form, key, logging_to, of_a_later_version, output, record

ORIGINAL = "an original\r\nwith é, NUL \0, a lone surrogate \ud800 and no line end"


def run(command: click.Command, directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--data-dir", str(directory), *arguments])


def failed(command: click.Command, directory: Path, *arguments: str) -> str:
    """The one line that a failing command says on stderr."""
    result = run(command, directory, *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    skipped = output(2, result="skipped", reason="too_small", tokens_before=10, tokens_after=10)
    with logging_to(tmp_path) as logged:
        logged.write(
            [
                record(0xA1, started_at=time.time() - 7200, usage=Usage(), status=429, outputs=()),
                record(0xA2, started_at=time.time() - 60, outputs=(output(1, content_id="abcdef012345"), skipped)),
            ],
            [form(1, text="after\ud800", original=ORIGINAL, content_id="abcdef012345"), form(3, content_id="abcdff000000")],
        )
    return tmp_path


def test_log_lists_newest_first(filled: Path) -> None:
    lines = run(log, filled).stdout.splitlines()
    assert lines[0].split() == ["time", "id", "client", "provider", "model", "tokens", "saved", "cached", "status", "ms", "reason"]
    assert [re.findall(r"000000a\d", line) for line in lines[1:]] == [["000000a2"], ["000000a1"]]


def test_log_can_be_limited(filled: Path) -> None:
    assert len(run(log, filled, "-n", "1").stdout.splitlines()) == 2
    assert run(log, filled, "-n", "0").exit_code == 2


def test_log_as_json(filled: Path) -> None:
    told = json.loads(run(log, filled, "--json").stdout)
    assert [row["status"] for row in told] == [200, 429]
    assert told[0]["cache_read_tokens"] == 900
    assert told[1]["cache_read_tokens"] is None


@pytest.mark.parametrize("command", [log, stats])
def test_an_empty_log_says_what_to_do_next(tmp_path: Path, command: click.Command) -> None:
    result = run(command, tmp_path / "nowhere")
    assert result.exit_code == 0
    assert f"Nothing is logged in {tmp_path / 'nowhere'} yet." in result.stdout
    assert "headroom proxy" in result.stdout
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_log_as_json(tmp_path: Path) -> None:
    assert json.loads(run(log, tmp_path, "--json").stdout) == []
    assert json.loads(run(stats, tmp_path, "--json").stdout)["requests"] == 0


def test_show_prints_facts_and_texts(filled: Path) -> None:
    out = run(show, filled, "000000a2").stdout
    assert "Request 000000a2-" in out
    assert "headroom get abcdef012345" in out
    assert "    an original␍\n    with é, NUL ␀, a lone surrogate � and no line end\n" in out
    assert "    after�\n" in out
    assert "left as it came: too small" in out


def test_show_as_json_has_the_exact_texts(filled: Path) -> None:
    told = json.loads(run(show, filled, "000000a2", "--json").stdout)
    assert told["status"] == 200
    assert [(one["key"], one["before"], one["after"]) for one in told["outputs"]] == [
        (key(1).hex(), ORIGINAL, "after\ud800"),
        (key(2).hex(), None, None),
    ]


def test_show_of_an_id_that_is_unknown_or_not_the_only_one(filled: Path, tmp_path: Path) -> None:
    assert "'ffff': no such request" in failed(show, filled, "ffff")
    assert "'000000a' is the beginning of several ids: 000000a1-" in failed(show, filled, "000000a")
    assert "no such request" in failed(show, tmp_path / "nowhere", "ffff")


@pytest.mark.parametrize("beginning", ["abcdef012345", "abcde"])
def test_get_prints_the_very_text(filled: Path, beginning: str) -> None:
    result = run(get, filled, beginning)
    assert result.exit_code == 0
    assert result.stdout_bytes == ORIGINAL.encode("utf-8", "surrogatepass")


def test_get_as_json(filled: Path) -> None:
    assert json.loads(run(get, filled, "abcde", "--json").stdout)["text"] == ORIGINAL


def test_get_of_an_id_that_is_unknown_or_not_the_only_one(filled: Path, tmp_path: Path) -> None:
    assert "'ffff': no such text" in failed(get, filled, "ffff")
    assert "'': no such text" in failed(get, filled, "")
    assert "'abcd' is the beginning of several ids: abcdef012345, abcdff000000" in failed(get, filled, "abcd")
    assert "no such text" in failed(get, tmp_path / "nowhere", "ffff")


def test_stats_sums_up(filled: Path) -> None:
    out = run(stats, filled).stdout
    assert "requests      2, of these 2 changed, 1 failed\n" in out
    assert "their tokens  1,010 → 260, 750 saved (74.3%)\n" in out
    assert "Billed, as the provider reports it" in out


@pytest.mark.parametrize(("since", "requests"), [("90m", 1), ("24h", 2), ("7d", 2), ("2w", 2), ("2020-01-31", 2)])
def test_stats_since(filled: Path, since: str, requests: int) -> None:
    assert json.loads(run(stats, filled, "--since", since, "--json").stdout)["requests"] == requests


def test_stats_of_a_time_without_requests(filled: Path) -> None:
    assert run(stats, filled, "--since", "0m").stdout == f"No requests in {filled} in that time.\n"


@pytest.mark.parametrize("since", ["3x", "yesterday", "2026-13-01", "-1d"])
def test_a_time_that_is_none_is_a_wrong_use(filled: Path, since: str) -> None:
    result = run(stats, filled, f"--since={since}")
    assert result.exit_code == 2
    assert "give a span such as 90m" in result.stderr


@pytest.mark.parametrize(("command", "arguments"), [(log, ()), (show, ("a",)), (stats, ())])
def test_a_log_that_cannot_be_read_is_said_in_one_line(tmp_path: Path, command: click.Command, arguments: tuple[str, ...]) -> None:
    (tmp_path / "flows.db").write_bytes(b"no database" * 100)
    assert f"{tmp_path / 'flows.db'}: file is not a database" in failed(command, tmp_path, *arguments)


def test_a_store_that_cannot_be_read_is_said_in_one_line(filled: Path) -> None:
    (filled / "store.db").write_bytes(b"no database" * 100)
    assert "store.db: file is not a database" in failed(get, filled, "abcde")
    assert "store.db: file is not a database" in failed(show, filled, "000000a2")


def test_a_log_of_a_newer_version_is_said_in_one_line(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "flows.db", of_a_later_version(FLOW_LOG)).close()
    assert "was written by a newer version of headroom" in failed(log, tmp_path)
