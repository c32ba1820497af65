from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headroom_core.tokens.estimate import WEIGHTS
from scripts.calibrate_estimate import PIECE, fit, main, pieces


def test_fit_finds_the_weights_that_made_the_counts() -> None:
    rows = np.random.default_rng(1).uniform(1, 50, (40, 3))
    weights = np.array([0.5, 0.0, 2.25])
    assert fit(rows, rows @ weights, np.ones(40)) == pytest.approx(weights, abs=1e-3)


def test_no_weight_is_below_zero() -> None:
    rows = np.random.default_rng(2).uniform(1, 50, (40, 2))
    assert min(fit(rows, rows @ np.array([1.0, -0.2]), np.ones(40))) >= 0


def test_pieces_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * (5 * PIECE))
    (tmp_path / "b.json").write_text(json.dumps({"content": "text", "other": 1}))
    (tmp_path / "c.json").write_text("[1]")
    assert pieces(tmp_path) == ["a" * PIECE] * 3 + ["text", "[1]"]


def test_prints_a_weight_for_each_name_and_the_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "code.py").write_text(Path(__file__).read_text())
    assert main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split('"')[1] for line in lines if not line.startswith("#")] == list(WEIGHTS)
    assert lines[-1].startswith("# all: median")


def test_a_folder_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "FOLDER" in capsys.readouterr().err
