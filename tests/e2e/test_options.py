"""Bad and misspelt options: the proxy refuses to start, with one line that names the option. Good ones take effect."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from headroom_core.settings import Settings
from headroom_proxy.local_upstream import LocalUpstream
from tests.e2e.rig.proxy import ADDON, Proxy, environment, program
from tests.e2e.rig.traffic import ANTHROPIC_HEADERS, ANTHROPIC_URL, anthropic_bytes, literal, replaced, tool_text

BAD = [
    ("headroom_level", "abc"),
    ("headroom_mode", "off"),
    ("headroom_min_tokens_to_crush", "x"),
    ("headroom_max_items_after_crush", "-1"),
    ("headroom_variance_threshold", "nan"),
    ("headroom_hosts", "llm.example.test"),
    ("headroom_hosts", "llm.example.test=cohere"),
    ("headroom_tools", "{"),
    ("headroom_flow_log", "maybe"),
    ("headroom_typo", "1"),
]


def start(name: str, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = [part for option in (f"confdir={directory}", f"headroom_data_dir={directory}/data", *options) for part in ("--set", option)]
    return subprocess.run(
        [program(name), "-s", str(ADDON), "--listen-host", "127.0.0.1", "-p", "0", *arguments],
        env=environment(directory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize(("option", "value"), BAD)
def test_mitmdump_refuses(tmp_path: Path, option: str, value: str) -> None:
    done = start("mitmdump", tmp_path, f"{option}={value}")

    assert done.returncode != 0
    output = done.stdout + done.stderr
    named = [line for line in output.splitlines() if option in line]
    assert len(named) == 1, output
    assert "Traceback" not in output
    assert not (tmp_path / "data" / "flows.db").exists()


def test_a_misspelt_option_names_the_one_that_was_meant(tmp_path: Path) -> None:
    done = start("mitmdump", tmp_path, "headroom_levl=lossless")
    assert "headroom_level" in done.stdout + done.stderr


def test_mitmweb_refuses(tmp_path: Path) -> None:
    done = start("mitmweb", tmp_path, "web_open_browser=false", "web_port=0", "headroom_level=abc")
    assert done.returncode != 0
    assert "headroom_level" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_all_options_are_shown(tmp_path: Path) -> None:
    done = subprocess.run(
        [program("mitmdump"), "-s", str(ADDON), "--set", f"confdir={tmp_path}", "--options"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    for name in Settings.model_fields:
        assert f"headroom_{name}" in done.stdout


def test_lossless_leaves_nothing_out(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    text = tool_text(300, seed=60)
    body = anthropic_bytes(literal(text))
    with start_proxy(options={"headroom_level": "lossless"}).client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
    seen = replaced(body, upstream.received[0].raw, literal(text))
    assert len(seen) < len(text)
    assert all(f"rec-{1000 + index}" in seen for index in range(300))


def test_balanced_leaves_records_out_and_says_so(proxy: Proxy, upstream: LocalUpstream) -> None:
    text = tool_text(300, seed=61)
    body = anthropic_bytes(literal(text))
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
    seen = replaced(body, upstream.received[0].raw, literal(text))
    assert sum(f"rec-{1000 + index}" in seen for index in range(300)) < 100
    assert "300" in seen
    [output] = proxy.flow_log.outputs(proxy.flow_log.flow()["id"])
    assert (output["lossless"], output["items_total"]) == (0, 300)
    assert output["content_id"] in seen


def test_the_smallest_size_is_an_option(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    body = anthropic_bytes(literal(tool_text(200, seed=62)))
    proxy = start_proxy(options={"headroom_min_tokens_to_crush": "1000000"})
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
    assert upstream.received[0].raw == body
    [output] = proxy.flow_log.outputs(proxy.flow_log.flow()["id"])
    assert output["reason"] == "too_small"


def test_audit_changes_nothing_and_counts(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    body = anthropic_bytes(literal(tool_text(200, seed=63)))
    proxy = start_proxy(options={"headroom_mode": "audit"})
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
    assert upstream.received[0].raw == body
    row = proxy.flow_log.flow()
    assert (row["changed"], row["reason"], row["mode"]) == (0, "audit_mode", "audit")
    assert proxy.health()["mode"] == "audit"


def test_without_a_flow_log(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    text = tool_text(200, seed=64)
    body = anthropic_bytes(literal(text))
    proxy = start_proxy(options={"headroom_flow_log": "false"})
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
    assert "rec-1000" in replaced(body, upstream.received[0].raw, literal(text))
    proxy.stop()
    assert proxy.flow_log._read("select * from flows") == []


def test_the_files_are_the_owners_and_hold_no_credentials(start_proxy: Callable[..., Proxy]) -> None:
    secrets = {"x-api-key": "sk-ant-SECRET-1", "authorization": "Bearer SECRET-2", "cookie": "session=SECRET-3"}
    proxy = start_proxy()
    with proxy.client() as client:
        client.post(
            f"{ANTHROPIC_URL}?key=SECRET-4",
            headers=ANTHROPIC_HEADERS | secrets | {"user-agent": "agent/1.0 (SECRET-5)"},
            content=anthropic_bytes(literal(tool_text(200, seed=65))),
        )
    row = proxy.flow_log.flow()
    assert (row["path"], row["client"]) == ("/v1/messages", "agent/1.0")
    files = [file for file in proxy.data_dir.rglob("*") if file.is_file()]
    assert {file.name for file in files} >= {"flows.db", "store.db"}
    assert proxy.data_dir.stat().st_mode & 0o777 == 0o700
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o600, file
    proxy.stop()
    for file in proxy.data_dir.rglob("*"):
        assert b"SECRET" not in file.read_bytes(), file
    assert "SECRET" not in proxy.log.replace("?key=SECRET-4", "")
