from __future__ import annotations

import re
import tomllib

import pytest

from scripts.lock import main, merge
from tests.scripts.checkout import ROOT


def test_equal_versions_need_no_marker() -> None:
    assert merge({(3, 12): {"b": "2", "a": "1"}, (3, 13): {"a": "1", "b": "2"}}) == ["a==1", "b==2"]


def test_different_versions_get_markers_that_cover_everything_once() -> None:
    resolved = {(3, 14): {"a": "3"}, (3, 12): {"a": "1"}, (3, 13): {"a": "2"}}
    assert merge(resolved) == [
        'a==1 ; python_version < "3.13"',
        'a==2 ; python_version >= "3.13" and python_version < "3.14"',
        'a==3 ; python_version >= "3.14"',
    ]


def test_neighbours_with_one_version_share_a_line() -> None:
    resolved = {(3, 12): {"a": "1"}, (3, 13): {"a": "2"}, (3, 14): {"a": "2"}}
    assert merge(resolved) == ['a==1 ; python_version < "3.13"', 'a==2 ; python_version >= "3.13"']


def test_a_package_of_one_interpreter_only_needs_no_marker() -> None:
    assert merge({(3, 12): {"backport": "1"}, (3, 13): {}}) == ["backport==1"]


def test_an_interpreter_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "python scripts/lock.py" in capsys.readouterr().err


def test_the_file_in_the_repository_pins_every_dependency_and_names_no_index() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()[1:]
    form = re.compile(r'[a-z0-9-]+==[A-Za-z0-9.!+]+( ; python_version [<>]=? "3\.\d+"( and python_version < "3\.\d+")?)?')
    assert [line for line in lines if not form.fullmatch(line)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    names = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in wanted} - {"headroom-mitmproxy"}
    assert names <= {line.split("==")[0] for line in lines}
