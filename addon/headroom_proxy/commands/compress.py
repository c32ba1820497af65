"""`headroom compress`: one request body through the core, from standard input to standard output."""

from __future__ import annotations

import sys
import time

import click

from headroom_core.errors import SettingsError, StoreError
from headroom_core.flow_log import StoredForm, Writer, data_directory
from headroom_core.model import Rewritten
from headroom_core.pipeline import CompressionResult, original_text
from headroom_core.pipeline import compress as compress_body
from headroom_core.settings import Settings
from headroom_proxy.commands.setting_flags import setting_flags

_SECONDS = 10.0


@click.command()
@click.option("--host", required=True, help="Host that the request goes to, such as api.anthropic.com.")
@click.option("--path", required=True, help="Path of the request, such as /v1/messages.")
@setting_flags
def compress(host: str, path: str, settings: Settings) -> None:
    """Rewrite one request body (JSON) from standard input to standard output; the report goes to standard error.

    Originals of outputs that lost records are kept as the proxy keeps them: `headroom get ID` prints one.
    """
    body = sys.stdin.buffer.read()
    started = time.perf_counter()
    result = compress_body(body, host, path, settings)
    spent = (time.perf_counter() - started) * 1000
    _keep_originals(result, settings)
    sys.stdout.buffer.write(result.body)
    sys.stdout.buffer.flush()
    click.echo(_report(result, spent), err=True)


def _keep_originals(result: CompressionResult, settings: Settings) -> None:
    forms = [
        StoredForm(outcome.key, outcome.result, outcome.content_id, original_text(result.original, outcome.output))
        for outcome in result.outcomes
        if isinstance(outcome.result, Rewritten)
    ]
    if not forms:
        return
    try:
        writer = Writer(data_directory(settings), settings, lambda line: click.echo(f"headroom: {line}", err=True))
    except (StoreError, SettingsError) as error:
        click.echo(f"headroom: {error}", err=True)
        return
    writer.start()
    writer.put_forms(forms)
    writer.flush(_SECONDS)
    writer.close(_SECONDS)


def _report(result: CompressionResult, spent: float) -> str:
    lines = []
    if result.reason:
        lines.append(f"unchanged: {result.reason.reason} {result.reason.detail}".rstrip())
    for outcome in result.outcomes:
        place = ".".join(map(str, outcome.output.path))
        tool = outcome.output.call.name if outcome.output.call else "?"
        done = outcome.result
        what = (
            f"{done.compressor}{' (lossless)' if done.lossless else ''}"
            if isinstance(done, Rewritten)
            else f"left alone: {done.reason} {done.detail}"
        )
        lines.append(f"{place} {tool}: {what}".rstrip())
    before, after = result.tokens_before, result.tokens_after
    share = 100 * (before - after) / before if before else 0.0
    kind = "tokens" if result.tokens_exact else "tokens (estimated)"
    lines.append(f"tool outputs: {before:,} -> {after:,} {kind}, {share:.1f}% saved, {spent:.1f} ms")
    return "\n".join(lines)
