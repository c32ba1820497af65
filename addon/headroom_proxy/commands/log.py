"""`headroom log`, `show`, `stats` and `get`: what the flow log and the content store know."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from headroom_core.errors import StoreError
from headroom_core.flow_log import StoredForm, StoreReader, locate, open_flow_log
from headroom_core.flow_log.queries import flow, recent, short_ids, totals
from headroom_core.flow_log.results import FlowDetail, OutputRow, Totals
from headroom_core.model import Rewritten
from headroom_core.settings import Settings
from headroom_proxy.commands.log_view import print_log
from headroom_proxy.commands.show_view import ShownOutput, print_flow
from headroom_proxy.commands.stats_view import print_totals
from headroom_proxy.commands.terminal import console, print_json

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _since(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """Unix seconds out of `90m`, `24h`, `7d`, `2w`, or a day as `2026-11-20`; nothing is the beginning of time."""
    if not value:
        return 0.0
    if span := re.fullmatch(r"(\d{1,6})([mhdw])", value):
        return time.time() - int(span[1]) * _SECONDS[span[2]]
    try:
        return time.mktime(time.strptime(value, "%Y-%m-%d"))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{value}: give a span such as 90m, 24h, 7d, 2w, or a day such as 2026-11-20") from error


def _common[F: Callable[..., None]](command: F) -> F:
    data_dir = click.option("--data-dir", default="", metavar="FOLDER", help="folder of the flow log; default: the platform's data folder")
    as_json = click.option("--json", "as_json", is_flag=True, help="print JSON")
    return data_dir(as_json(command))


@click.command(short_help="the newest requests")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1, 1_000_000), help="how many")
@_common
def log(limit: int, data_dir: str, *, as_json: bool) -> None:
    """List the newest requests, newest first, one line each.

    "tokens" are before and after, "cached" what the provider read from its prompt cache, "ms" the time that Headroom added.
    """
    directory = _directory(data_dir)
    with _reported(), open_flow_log(directory) as db:
        rows = [] if db is None else recent(db, limit)
        short = {} if db is None else short_ids(db, rows)
    if as_json:
        print_json([row.model_dump() for row in rows])
    elif rows:
        print_log(console(), rows, short)
    else:
        click.echo(_nothing_yet(directory))


@click.command(short_help="one request, before and after")
@click.argument("flow_id", metavar="ID")
@click.option("--full", is_flag=True, help="print texts in full, not only their beginning")
@_common
def show(flow_id: str, data_dir: str, *, full: bool, as_json: bool) -> None:
    """Show a request's facts and its new tool outputs before and after. The beginning of ID is enough."""
    directory = _directory(data_dir)
    with _reported():
        found = _find(directory, flow_id)
        reader = StoreReader(directory)
        outputs = [ShownOutput(row, reader.form_by_key_hex(row.key) if row.result == "rewritten" else None) for row in found.outputs]
    if as_json:
        print_json({**found.model_dump(), "outputs": [_output_json(output.row, output.form) for output in outputs]})
    else:
        print_flow(console(), found, outputs, full=full)


@click.command(short_help="what was saved and billed")
@click.option("--since", default="", callback=_since, metavar="TIME", help="90m, 24h, 7d, 2w or 2026-11-20; default: all")
@_common
def stats(since: float, data_dir: str, *, as_json: bool) -> None:
    """Sum up tokens before, after and saved, what the provider billed, and why outputs were left as they came.

    Each tool output is counted once in its conversation, though every later request carries it again.
    """
    directory = _directory(data_dir)
    with _reported(), open_flow_log(directory) as db:
        summed = Totals() if db is None else totals(db, since)
    if as_json:
        print_json(summed.model_dump())
    elif summed.requests:
        print_totals(console(), summed)
    elif since:
        click.echo(f"No requests in {directory} in that time.")
    else:
        click.echo(_nothing_yet(directory))


@click.command(short_help="the original text of a tool output")
@click.argument("content_id", metavar="ID")
@_common
def get(content_id: str, data_dir: str, *, as_json: bool) -> None:
    """Print the original text of a rewritten tool output, exactly as it was. ID stands in the rewritten text and in `show`."""
    directory = _directory(data_dir)
    with _reported():
        text = StoreReader(directory).original(content_id)
    if text is None:
        raise click.ClickException(f"{content_id!r}: no such text in {directory} (never stored, or expired)")
    if as_json:
        print_json({"content_id": content_id, "text": text})
    else:
        sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))


def _directory(data_dir: str) -> Path:
    return locate(Settings(data_dir=data_dir))


def _find(directory: Path, flow_id: str) -> FlowDetail:
    with open_flow_log(directory) as db:
        found = None if db is None else flow(db, flow_id)
    if found is None:
        raise StoreError(f"{flow_id!r}: no such request in {directory}; `headroom log` lists them")
    return found


def _output_json(row: OutputRow, form: StoredForm | None) -> dict[str, Any]:
    after = form.result.text if form is not None and isinstance(form.result, Rewritten) else None
    return {**row.model_dump(), "before": None if form is None else form.original, "after": after}


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise click.ClickException(str(error)) from error


def _nothing_yet(directory: Path) -> str:
    return (
        f"Nothing is logged in {directory} yet.\n"
        "Start the proxy (`headroom proxy`) and send an LLM request through it, or see `headroom demo`."
    )
