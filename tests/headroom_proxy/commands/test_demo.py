"""The demo for real: mitmdump, the SDKs and the local upstream as processes, judged by its own --json."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from headroom_proxy.demo.recording import load

ROOT = Path(__file__).resolve().parents[3]
HEADROOM = [sys.executable, "-c", "from headroom_proxy.cli import main; main(prog_name='headroom')"]
SECONDS = 30
RECORDING = load()


def environment(**more: str) -> dict[str, str]:
    """As a user's who works behind a proxy and has keys and base URLs set: none of it may reach the demo's processes."""
    hostile = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "*",
        "ANTHROPIC_API_KEY": "sk-ant-a-real-key",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "SSL_CERT_FILE": "/nowhere.pem",
    }
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'addon'}"} | hostile | more


def run_demo(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HEADROOM, "demo", *arguments], env=environment(**more), capture_output=True, text=True, timeout=4 * SECONDS, check=False
    )


def sessions_of(folder: Path) -> set[str]:
    """The sessions that a mitmdump for this folder leads; its workers are in the same one."""
    return {line.split()[0] for line in _processes() if str(folder) in line and "mitmdump" in line}


def processes_in(sessions: set[str]) -> list[str]:
    return [line for line in _processes() if line.split()[0] in sessions and not line.split()[1].startswith("Z")]


def _processes() -> list[str]:
    return subprocess.run(["ps", "-ewwo", "sid,stat,args"], capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    done = run_demo("--json", "--folder", str(folder))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_check_passes_within_half_a_minute(result: dict[str, Any]) -> None:
    assert result["passed"]
    assert [check["name"] for check in result["checks"] if not check["passed"]] == []
    assert result["seconds"] < SECONDS


def test_both_providers_are_asked_ten_times_each(result: dict[str, Any]) -> None:
    assert [row["provider"] for row in result["requests"]] == ["anthropic"] * 10 + ["openai"] * 10


def test_the_asked_record_and_all_errors_survive_though_most_records_are_left_out(result: dict[str, Any]) -> None:
    log = next(output for output in result["outputs"] if output["name"] == "request_log")
    assert log["records_total"] == len(json.loads(RECORDING.outputs["request_log"]))
    assert log["records_kept"] < 100
    lines = {check["name"]: check["line"] for check in result["checks"]}
    assert lines["errors"].startswith(f"{len(RECORDING.errors)} of {len(RECORDING.errors)},")
    assert lines["asked_record"].startswith("yes")


def test_the_log_costs_a_sixth_of_its_tokens_and_what_is_not_json_is_left_alone(result: dict[str, Any]) -> None:
    outputs = {output["name"]: output for output in result["outputs"]}
    assert outputs["request_log"]["tokens_sent"] * 6 < outputs["request_log"]["tokens_before"]
    assert outputs["pip_list"]["tokens_sent"] * 2 < outputs["pip_list"]["tokens_before"]
    assert outputs["source"]["tokens_sent"] <= outputs["source"]["tokens_before"]


def test_the_upstream_reads_the_prefix_from_its_cache(result: dict[str, Any]) -> None:
    rows = [row for row in result["requests"] if row["provider"] == "anthropic"]
    for earlier, later in pairwise(rows[1:]):
        assert later["cached_tokens"] >= earlier["prompt_tokens"]


def test_the_added_time_is_measured_for_each_request(result: dict[str, Any]) -> None:
    assert all(0 < row["overhead_ms"] < 5_000 for row in result["requests"])


def test_the_flow_log_is_where_the_result_says(result: dict[str, Any], folder: Path) -> None:
    assert Path(result["data_dir"]).is_relative_to(folder.resolve())
    db = sqlite3.connect(Path(result["data_dir"]) / "flows.db")
    try:
        assert db.execute("SELECT count(*) FROM flows WHERE changed").fetchone() == (18,)
    finally:
        db.close()


def test_no_key_is_written_anywhere(result: dict[str, Any], folder: Path) -> None:
    assert result["passed"]
    for file in (path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert b"sk-ant-a-real-key" not in content, file
        assert b"none-needed" not in content, file


def test_a_check_that_fails_ends_it_with_status_1_and_says_which(tmp_path: Path) -> None:
    done = run_demo("--json", "--folder", str(tmp_path / "audit"), "--", "--set", "headroom_mode=audit")
    assert done.returncode == 1
    assert "saved: " in done.stderr
    found = json.loads(done.stdout)
    assert [check["name"] for check in found["checks"] if not check["passed"]] == ["saved"]


def test_the_lossless_level_keeps_every_record(tmp_path: Path) -> None:
    done = run_demo("--json", "--folder", str(tmp_path / "lossless"), "--", "--set", "headroom_level=lossless")
    assert done.returncode == 0, done.stderr
    log = next(output for output in json.loads(done.stdout)["outputs"] if output["name"] == "request_log")
    assert log["compressor"]
    assert log["records_kept"] == log["records_total"]
    assert log["tokens_sent"] < 0.6 * log["tokens_before"]


def test_a_proxy_that_does_not_start_is_one_clear_line(tmp_path: Path) -> None:
    done = run_demo("--folder", str(tmp_path / "bad"), "--", "--set", "headroom_level=loud")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "did not start" in done.stderr
    assert "headroom_level=loud" in done.stderr
    assert sessions_of(tmp_path) == set()


def test_missing_sdks_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['openai'] = None\n")
    done = run_demo(PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "addon")]))
    assert done.returncode == 1
    assert done.stderr == "Error: the demo needs openai: pip install 'headroom-mitmproxy[demo]'\n"


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_demo("--folder", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"Error: {tmp_path} is not empty\n"


def test_the_terminal_fits_80_columns_and_tells_the_next_steps(tmp_path: Path) -> None:
    done = run_demo("--folder", str(tmp_path / "f"), COLUMNS="80")
    assert done.returncode == 0, done.stderr
    to_copy = [line for line in done.stdout.splitlines() if str(tmp_path) in line or "NODE_EXTRA_CA_CERTS" in line]
    assert max(len(line) for line in done.stdout.splitlines() if line not in to_copy) <= 80
    assert any("log --data-dir" in line for line in to_copy)
    assert re.search(r"request log \(JSON\).* \d+ of 421 records kept", done.stdout)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, 1), (None, 0)])
def test_no_process_is_left_however_it_ends(tmp_path: Path, number: signal.Signals | None, status: int) -> None:
    process = subprocess.Popen(
        [*HEADROOM, "demo", "--folder", str(tmp_path / "f")], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + SECONDS
    while len(processes_in(sessions := sessions_of(tmp_path))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(processes_in(sessions)) >= 2, "mitmdump and a worker"
    if number is not None:
        process.send_signal(number)
    assert process.wait(2 * SECONDS) == status
    assert processes_in(sessions) == []
