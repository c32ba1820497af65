from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scripts.checkout import ROOT, Checkout

CHECKS = ["ruff check", "ruff format --check", "mypy ", "lint-imports "]


def tools(checkout: Checkout) -> list[str]:
    return (checkout.folder / "tools.log").read_text().splitlines()


@pytest.fixture
def checkout(checkout: Checkout) -> Checkout:
    checkout.real_python()
    (checkout.bin / "grep").symlink_to("/bin/grep" if Path("/bin/grep").exists() else "/usr/bin/grep")
    return checkout


def test_runs_all_checks_and_then_the_tests_with_the_arguments(checkout: Checkout) -> None:
    done = checkout.run(os.fspath(checkout.folder / "scripts" / "test"), "-k", "two words", cwd=checkout.folder.parent)
    assert done.returncode == 0, done.stderr
    assert tools(checkout) == [*CHECKS, "pytest -k two words"]
    assert checkout.pip_calls()[-1].endswith(".[dev]")


@pytest.mark.parametrize("tool", ["ruff", "mypy", "lint-imports", "pytest"])
def test_all_run_and_one_that_fails_shows_in_the_end(checkout: Checkout, tool: str) -> None:
    done = checkout.run(os.fspath(checkout.folder / "scripts" / "test"), environment={"FAILS": tool})
    assert done.returncode == 1
    assert tools(checkout) == [*CHECKS, "pytest "]


def test_the_readme_s_generated_parts_are_checked(checkout: Checkout) -> None:
    (checkout.folder / "README.md").write_text("<!-- [[[cog\n]]] -->\n<!-- [[[end]]] -->\n")
    assert checkout.run(os.fspath(checkout.folder / "scripts" / "checks")).returncode == 0
    assert tools(checkout) == [*CHECKS, "cog --check README.md"]
    assert checkout.run(os.fspath(checkout.folder / "scripts" / "checks"), environment={"FAILS": "cog"}).returncode == 1


def test_ci_does_the_same(checkout: Checkout) -> None:
    (checkout.folder / ".ci").mkdir()
    (checkout.folder / ".ci" / "run").write_text((ROOT / ".ci" / "run").read_text())
    assert checkout.run(os.fspath(checkout.folder / ".ci" / "run")).returncode == 0
    assert tools(checkout) == [*CHECKS, "pytest "]


def test_what_is_run_directly_is_executable() -> None:
    for name in ("scripts/headroom", "scripts/test", "scripts/checks", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name
