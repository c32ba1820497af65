"""`headroom demo`: the whole way on recorded real data, shown as tables. Needs no key and no network."""

from __future__ import annotations

import importlib.util
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Never

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from headroom_core.errors import HeadroomError

if TYPE_CHECKING:
    from headroom_proxy.demo.result import DemoResult

_NEEDED = ("anthropic", "openai")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the flow log goes; must be empty or not there yet. Default: a new folder for temporary files.",
)
@click.argument("mitmdump_args", nargs=-1, type=click.UNPROCESSED)
def demo(as_json: bool, folder: Path | None, mitmdump_args: tuple[str, ...]) -> None:
    """Run a recorded real conversation through the real proxy, and show what was saved and what was kept.

    Starts a local upstream, mitmdump with the addon, and an agent on the anthropic and then the openai SDK. Ends with status 1 if
    anything that must hold does not. Arguments behind `--` go to mitmdump, such as `-- --set headroom_level=lossless`.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise click.ClickException(f"the demo needs {', '.join(missing)}: pip install 'headroom-mitmproxy[demo]'")
    from headroom_proxy.demo import recording, report  # noqa: PLC0415 - these import what was just looked for

    console = Console()
    if not as_json:
        report.introduce(console, recording.load())
    try:
        result = _run(_empty(folder), mitmdump_args)
    except HeadroomError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(result.model_dump_json(indent=2))
    else:
        report.report(console, result)
    if failed := [check for check in result.checks if not check.passed]:
        click.echo(f"Failed: {'; '.join(f'{check.name}: {check.line}' for check in failed)}", err=True)
        sys.exit(1)


def _run(folder: Path, mitmdump_args: tuple[str, ...]) -> DemoResult:
    from headroom_proxy.demo.run import run  # noqa: PLC0415 - see above

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    errors = Console(stderr=True)
    with _ended_in_good_order(), Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("starting")
        return run(folder, lambda what, done, total: bar.update(task, description=what, completed=done, total=total), mitmdump_args)


def _empty(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="headroom-demo-"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise click.ClickException(f"{folder} is not empty")
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror}") from error
    return folder.resolve()


@contextmanager
def _ended_in_good_order() -> Iterator[None]:
    """A signal that ends the demo ends its processes too."""

    def leave(number: int, frame: FrameType | None) -> Never:
        del frame
        sys.exit(128 + number)

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), leave) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
