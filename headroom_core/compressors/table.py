"""Records as a table: what is the same in every record once in a header, then a line of cells for each record.

Header: field names, comma-separated. `a.b` is field b of the object a, which every record has. `a{x,y}` is an object that
not every record has, its cells in braces. `a[x,y]` is a list of records in brackets, one behind each `;`. `a{*:x,y}` is an
object of records by key: `{key:x,y;key:x,y}`. `a{}` is an object with fields of its own in each record: `{x=1,y=2}`. Behind `|`
in brackets stands what is the same in all records there. `+{}` holds the fields that few records have.
`:text` marks a column of texts that may look like numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from headroom_core.compressors.aliases import Aliases
from headroom_core.compressors.derived import derived
from headroom_core.compressors.exact_json import Spelled, Value, dumps
from headroom_core.compressors.table_cells import ABSENT, Cell, cell, name_cell, number_cells, text_cell, text_cells

type Record = dict[str, Value]
type Column = Sequence[Cell]

_RARE = 0.04
_MIN_DERIVED = 4
_MAX_DEPTH = 8
_MAX_FLAT_FIELDS = 40
_MANY_KEYS = 8


@dataclass(frozen=True, slots=True)
class Table:
    """Records written as cells.

    `constants` are `name=cell`, `fields` the header's names, `lines` one for each record. `derived` are `name=pattern` of
    fields that others determine, `aliases` the lines that explain the short names in the cells. `search` are the lines with
    neither: what a question is looked for in.
    """

    constants: tuple[str, ...]
    fields: tuple[str, ...]
    lines: list[str]
    derived: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    search: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Written:
    field: str
    cells: list[str]
    aliased: bool = False


type Columns = tuple[dict[str, Column], Column | None]


def columns(records: Sequence[Mapping[str, Value]]) -> Columns:
    """The records' values by field, in the order in which fields first appear; ABSENT where a record lacks one.

    Fields that only a few records have come apart, as one object for each record (ABSENT for none): a column for each
    would cost every record a cell, and records without anything in common would cost the square of their number.
    """
    first = tuple(records[0])
    if all(tuple(record) == first for record in records):
        return dict(zip(first, zip(*(record.values() for record in records), strict=True), strict=True)), None
    often = Counter(chain.from_iterable(records))
    rare = {name for name, count in often.items() if count <= len(records) * _RARE}
    found: dict[str, Column] = {name: [record.get(name, ABSENT) for record in records] for name in often if name not in rare}
    return found, [_rest(record, rare) for record in records] if rare else None


def common_fields(records: Sequence[Mapping[str, Value]]) -> int:
    """How many fields have a column of their own."""
    often = Counter(chain.from_iterable(records))
    return sum(count > len(records) * _RARE for count in often.values())


def _rest(record: Mapping[str, Value], rare: set[str]) -> Cell:
    rest = {name: value for name, value in record.items() if name in rare}
    return rest or ABSENT


def write_table(records: Sequence[Record], by_column: Columns, aliases: Aliases | None = None) -> Table:
    """The table of at least one record, whose `columns` are given.

    With `aliases`, long beginnings and fields that others determine are told once.
    """
    leaves = _Leaves()
    rest = leaves.add_all(by_column, 0)
    patterns = derived(leaves.columns) if aliases is not None and len(records) >= _MIN_DERIVED else {}
    shown: list[_Written] = []
    searched: list[list[str]] = []
    for name, values in leaves.columns.items():
        column = _write_column(name, values, nested=False, depth=leaves.depth[name])
        searched.append(column.cells)
        if name not in patterns:
            shown.append(_with_aliases(column, name, values, aliases))
    if rest is not None:
        shown.append(_Written("+{}", [_pairs(value) if isinstance(value, dict) else "" for value in rest]))
        searched.append(shown[-1].cells)
    lines = _lines([one.cells for one in shown], len(records))
    return Table(
        tuple(leaves.constants),
        tuple(one.field for one in shown),
        lines,
        tuple(f"{name}={text_cell(pattern, nested=True)}" for name, pattern in patterns.items()),
        tuple(aliases.take()) if aliases is not None else (),
        lines if len(searched) == len(shown) and not any(one.aliased for one in shown) else _lines(searched, len(records)),
    )


def _write_nested(records: Sequence[Record], depth: int) -> Table:
    """The table of records within a cell."""
    leaves = _Leaves()
    rest = leaves.add_all(columns(records), depth)
    written = [_write_column(name, values, nested=True, depth=leaves.depth[name]) for name, values in leaves.columns.items()]
    if rest is not None:
        written.append(_Written("+{}", [_pairs(value) if isinstance(value, dict) else "" for value in rest]))
    return Table(tuple(leaves.constants), tuple(one.field for one in written), _lines([one.cells for one in written], len(records)))


def _lines(cells: Sequence[Sequence[str]], count: int) -> list[str]:
    return [",".join(row) for row in zip(*cells, strict=True)] if cells else [""] * count


def _with_aliases(column: _Written, name: str, values: Column, aliases: Aliases | None) -> _Written:
    texts = [value for value in values if isinstance(value, str)] if aliases is not None else []
    if aliases is None or len(texts) != len(values) or column.field != name:
        return column
    cells = aliases.apply(name, texts, column.cells)
    return column if cells is column.cells else _Written(column.field, cells, aliased=True)


class _Leaves:
    """The fields of records down to what is no object that every record has, and what is the same in all of them."""

    def __init__(self) -> None:
        self.constants: list[str] = []
        self.columns: dict[str, Column] = {}
        self.depth: dict[str, int] = {}

    def add_all(self, by_column: Columns, depth: int) -> Column | None:
        """Take all fields up; returns the fields that few records have, as one object for each."""
        by_name, rest = by_column
        for name, values in by_name.items():
            self._add(name_cell(name), values, depth)
        return rest

    def _add(self, name: str, values: Column, depth: int) -> None:
        types = set(map(type, values))
        if len(values) > 1 and len(types) == 1 and _all_same(values):
            self.constants.append(f"{name}={cell(values[0], nested=True)}")
        elif types == {dict} and depth < _MAX_DEPTH and (inner_columns := _flat(values)) is not None:
            for inner, inner_values in inner_columns.items():
                self._add(f"{name}.{name_cell(inner)}", inner_values, depth + 1)
        else:
            self.columns[name] = values
            self.depth[name] = depth


def _write_column(name: str, values: Column, *, nested: bool, depth: int) -> _Written:
    types = set(map(type, values))
    if types == {str}:
        cells, marked = text_cells([value for value in values if isinstance(value, str)], nested=nested)
        return _Written(f"{name}:text" if marked else name, cells)
    if types <= {int, float}:
        return _Written(name, number_cells([value for value in values if isinstance(value, int | float)]))
    if depth < _MAX_DEPTH:
        if dict in types and (written := _write_objects(name, values, depth)):
            return written
        if list in types and (written := _write_lists(name, values, depth)):
            return written
    return _Written(name, [cell(value, nested=nested) for value in values])


def _write_objects(name: str, values: Column, depth: int) -> _Written | None:
    objects = [value for value in values if isinstance(value, dict)]
    if _is_map(objects):
        return _write_maps(name, values, objects, depth)
    if _flat(objects) is not None:
        table = _write_nested(objects, depth + 1)
        lines = iter(table.lines)
        cells = ["{" + next(lines) + "}" if isinstance(value, dict) else _other(value) for value in values]
        return _Written(f"{name}{{{_inner_header(table)}}}", cells)
    if any(isinstance(inner, dict | list) for one in objects for inner in one.values()):
        return None
    return _Written(f"{name}{{}}", [_pairs(value) if isinstance(value, dict) else _other(value) for value in values])


def _write_maps(name: str, values: Column, objects: Sequence[Record], depth: int) -> _Written:
    inner = [record for one in objects for record in one.values() if isinstance(record, dict)]
    table = _write_nested(inner, depth + 1)
    lines = iter(table.lines)
    cells = [
        "{" + ";".join(f"{name_cell(key)}:{next(lines)}" for key in value) + "}" if isinstance(value, dict) else _other(value)
        for value in values
    ]
    return _Written(f"{name}{{*:{_inner_header(table)}}}", cells)


def _write_lists(name: str, values: Column, depth: int) -> _Written | None:
    records: list[Record] = []
    for value in values:
        if isinstance(value, list):
            for record in value:
                if not isinstance(record, dict):
                    return None
                records.append(record)
    if len(records) < 2 or _flat(records) is None:  # noqa: PLR2004 - a header for one record saves nothing
        return None
    table = _write_nested(records, depth + 1)
    lines = iter(table.lines)
    cells: list[str] = []
    for value in values:
        if not isinstance(value, list):
            cells.append(_other(value))
            continue
        own = [next(lines) for _ in value]
        # One record without any field would read as an empty list.
        cells.append("=" + dumps(value) if own == [""] else "[" + ";".join(own) + "]")
    return _Written(f"{name}[{_inner_header(table)}]", cells)


def _inner_header(table: Table) -> str:
    return ",".join(table.fields) + ("|" + ",".join(table.constants) if table.constants else "")


def _flat(objects: Sequence[Cell]) -> dict[str, Column] | None:
    """The objects' columns if a header of their fields pays: not too many, and mostly filled."""
    records = [value for value in objects if isinstance(value, dict)]
    filled = sum(map(len, records))
    if not filled or _is_map(records):
        return None
    names = set(chain.from_iterable(records))
    if len(names) > _MAX_FLAT_FIELDS or filled < 0.4 * len(names) * len(records):
        return None
    return {name: [record.get(name, ABSENT) for record in records] for name in dict.fromkeys(chain.from_iterable(records))}


def _is_map(objects: Sequence[Record]) -> bool:
    """Whether the objects hold records by key: many keys, or other ones in each object, with records of like shape."""
    filled = sum(map(len, objects))
    if filled < _MANY_KEYS:
        return False
    inner = [value for one in objects for value in one.values()]
    if not all(type(value) is dict for value in inner):
        return False
    names = set(chain.from_iterable(objects))
    if len(names) < _MANY_KEYS and filled > 0.6 * len(names) * len(objects):
        return False
    records = [value for value in inner if isinstance(value, dict)]
    inner_names = set(chain.from_iterable(records))
    return 0 < len(inner_names) <= _MAX_FLAT_FIELDS and sum(map(len, records)) >= 0.4 * len(inner_names) * len(records)


def _pairs(value: Record) -> str:
    return "{" + ",".join(f"{name_cell(key)}={cell(inner, nested=True)}" for key, inner in value.items()) + "}"


def _other(value: Cell) -> str:
    """The cell of a value that is not of its column's bracketed kind."""
    if isinstance(value, list):
        return "=" + dumps(value)
    return text_cell(value, nested=True) if isinstance(value, str) else cell(value, nested=True)


def _all_same(values: Column) -> bool:
    first = values[0]
    if isinstance(first, dict | list):
        # 1 and 1.0 and True are equal to Python but not the same data.
        text = dumps(first)
        return all(isinstance(value, dict | list) and value == first and dumps(value) == text for value in values)
    return sum(value == first for value in values) == len(values) if isinstance(first, Spelled) else _count(values, first)


def _count(values: Column, first: Cell) -> bool:
    return tuple(values).count(first) == len(values)
