"""Fits the weights of headroom_core/tokens/estimate.py to exact counts and prints them, with what they miss.

    python scripts/calibrate_estimate.py FOLDER...

Every folder is one kind of text and counts as much as each other one; its files are read as UTF-8 in pieces of 20,000
characters. A file with a JSON object that has a text under "content" stands for that text.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headroom_core.tokens import build_counter
from headroom_core.tokens.estimate import WEIGHTS, features

PIECE = 20_000


def pieces(folder: Path) -> list[str]:
    """The texts of a folder, the first three pieces of each file."""
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = file.read_text(encoding="utf-8", errors="replace")
        if file.suffix == ".json":
            data = json.loads(text)
            text = str(data["content"]) if isinstance(data, dict) and "content" in data else text
        found += [text[start : start + PIECE] for start in range(0, min(len(text), 3 * PIECE), PIECE)]
    return found


def fit(rows: npt.NDArray[np.float64], exact: npt.NDArray[np.float64], importance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The weights, none below zero, with the least sum of squared relative errors (coordinate descent)."""
    scaled = rows * (importance / exact)[:, None]
    gram, target = scaled.T @ scaled, scaled.T @ importance
    weights = np.zeros(len(target))
    for _ in range(10_000):
        for index in range(len(weights)):
            if gram[index, index] > 0:
                weights[index] = max(0.0, weights[index] - (gram[index] @ weights - target[index]) / gram[index, index])
    return weights


def main(folders: list[str]) -> int:
    """Prints the weights as they stand in the source, then the mean and largest error of each folder."""
    counter = build_counter()
    if not folders or not counter.exact:
        print(__doc__ if counter.exact else "no vocabulary on this machine: nothing to fit to", file=sys.stderr)
        return 2
    kinds = [pieces(Path(folder)) for folder in folders]
    texts = [text for kind in kinds for text in kind]
    rows = np.array([features(text) for text in texts], dtype=np.float64)
    exact = np.array([counter.count(text) for text in texts], dtype=np.float64)
    importance = np.array([len(kind) ** -0.5 for kind in kinds for _ in kind])
    weights = fit(rows, exact, importance)
    for name, weight in zip(WEIGHTS, weights, strict=True):
        print(f'    "{name}": {weight:.3f},')
    errors = rows @ weights / exact - 1
    start = 0
    for folder, kind in zip(folders, kinds, strict=True):
        part = errors[start : start + len(kind)]
        start += len(kind)
        print(f"# {folder}: {len(kind)} pieces, mean {part.mean():+.1%}, largest {abs(part).max():.1%}")
    print(f"# all: median {np.median(abs(errors)):.1%}, nine of ten below {np.quantile(abs(errors), 0.9):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
