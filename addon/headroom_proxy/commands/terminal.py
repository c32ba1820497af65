"""Printing for people: tables and colours on a terminal, plain aligned text in a pipe, and nothing that could steer the terminal."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

ARROW = "→"
_THOUSAND = 1000
_HUNDRED = 99.95
_UNITS = "kMGTPE"
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_GAP = 2
_NARROWEST = 6
_PICTURES = 0x2400
_CONTROLS = 0x20


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. Where the terminal is narrow, the text of `flexible` columns is cut."""

    title: str
    right: bool = False
    flexible: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with the style that it has on a terminal."""

    text: str
    style: str = ""


type Row = Sequence[Cell | str]


def console() -> Console:
    """Standard output. Texts are printed as they are: no markup is read out of them, nothing is coloured by guess."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=False)


def printable(text: str) -> str:
    """The text without what steers a terminal: escape sequences, other controls, changes of direction. Line breaks and tabs stay."""
    return _STEERING.sub(_picture, text)


def print_table(out: Console, columns: Sequence[Column], rows: Sequence[Row], title: str = "") -> None:
    """A rich table on a terminal, else lines of aligned text."""
    if title:
        print_line(out, f"\n{title}", "bold")
    if out.is_terminal:
        out.print(_rich_table(out.width, columns, rows))
        return
    widths = _widths(columns, rows)
    titles = [column.title for column in columns]
    for line in (titles, *([_plain(cell) for cell in row] for row in rows)):
        cells = zip(line, widths, columns, strict=True)
        click.echo("  ".join(text.rjust(width) if column.right else text.ljust(width) for text, width, column in cells).rstrip())


def print_line(out: Console, text: str, style: str = "") -> None:
    """One text, as long as it is; the style shows on a terminal only."""
    if out.is_terminal:
        out.print(Text(text, style=style), soft_wrap=True)
    else:
        click.echo(text)


def print_json(value: object) -> None:
    r"""The value as JSON in ASCII: a lone surrogate in a text is `\ud800` there, and no terminal is steered."""
    click.echo(json.dumps(value, indent=2))


def compact(number: int) -> str:
    """The number in three digits or so: 950, 1.2k, 45.7k, 123k, 1.2M."""
    value, unit = float(number), ""
    for larger in _UNITS:
        if abs(round(value)) < _THOUSAND:
            break
        value, unit = value / _THOUSAND, larger
    if not unit:
        return str(number)
    return f"{value:.0f}{unit}" if abs(value) >= _HUNDRED else f"{value:.1f}{unit}"


def percent(part: float) -> str:
    """A share from 0 to 1 as per cent."""
    return f"{100 * part:.1f}%"


def moment(at: float) -> str:
    """A time as local day and clock time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def short_moment(at: float) -> str:
    """The same in few characters: what today, or this year, need not say is left out."""
    then, now = time.localtime(at), time.localtime()
    if then.tm_year != now.tm_year:
        return time.strftime("%Y-%m-%d", then)
    return time.strftime("%H:%M:%S" if then.tm_yday == now.tm_yday else "%m-%d %H:%M", then)


def words(reason: str) -> str:
    """A reason's value as words."""
    return printable(reason.replace("_", " "))


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    return chr(_PICTURES + code) if code < _CONTROLS else "�"


def _plain(cell: Cell | str) -> str:
    return cell if isinstance(cell, str) else cell.text


def _widths(columns: Sequence[Column], rows: Sequence[Row]) -> list[int]:
    lengths = [[cell_len(column.title), *(cell_len(_plain(row[index])) for row in rows)] for index, column in enumerate(columns)]
    return [max(column) for column in lengths]


def _fit(width: int, columns: Sequence[Column], wanted: Sequence[int]) -> list[int]:
    """What each column gets of `width`: fixed ones all they want, flexible ones equal shares of the rest, narrow ones first."""
    given = list(wanted)
    flexible = sorted((index for index, column in enumerate(columns) if column.flexible), key=lambda index: wanted[index])
    rest = width - _GAP * (len(columns) - 1) - sum(wanted[index] for index, column in enumerate(columns) if not column.flexible)
    for done, index in enumerate(flexible):
        given[index] = max(_NARROWEST, min(wanted[index], rest // (len(flexible) - done)))
        rest -= given[index]
    return given


def _rich_table(width: int, columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for column, fitted in zip(columns, _fit(width, columns, _widths(columns, rows)), strict=True):
        table.add_column(column.title, justify="right" if column.right else "left", no_wrap=True, overflow="ellipsis", width=fitted)
    for row in rows:
        table.add_row(*(Text(_plain(cell), style="" if isinstance(cell, str) else cell.style) for cell in row))
    return table
