"""Tests of the demo's service. `licence` fails for every package without a licence field: the fault that the demo is about."""

from __future__ import annotations

from pathlib import Path

import pytest
from package_service import Catalogue, NotFoundError, RequestLog, answer  # type: ignore[import-not-found]  # it runs in this folder

CATALOGUE = Catalogue()
NAMES = [package["name"] for package in CATALOGUE.packages()]


@pytest.mark.parametrize("name", NAMES)
def test_a_package_has_a_version(name: str) -> None:
    assert CATALOGUE.package(name)["version"]


@pytest.mark.parametrize("name", NAMES)
def test_a_package_has_a_licence(name: str) -> None:
    assert CATALOGUE.licence(name)["licence"]


def test_search_looks_at_the_whole_metadata() -> None:
    assert "pytest" in CATALOGUE.search("simple powerful testing with python")


def test_an_unknown_package_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no package 'leftpad'"):
        answer(CATALOGUE, RequestLog(tmp_path / "log"), "/packages/leftpad")


def test_the_log_can_be_asked_for_one_status(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "log")
    for status in (200, 500, 200):
        log.write(status=status)
    assert answer(CATALOGUE, log, "/log?status=500") == [{"status": 500}]
