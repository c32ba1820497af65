"""The compression bench as a picture: tokens saved by kind as grouped bars, and below each group which share of the needles was kept.

matplotlib is wanted only here: `pip install 'headroom-mitmproxy[bench]'`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.bench.report import Found
from scripts.bench.scoring import Cell, by_kind

_OURS = {"ours-lossless": "#7fb3e6", "ours-balanced": "#0b5cad"}
_PEERS = ("#f2c14e", "#e07a3f", "#8fae5d", "#c9a3cf", "#8a6fa8")
_KEPT_COLOURS = ("#d7301f", "#fc8d59", "#fdd49e", "#ffffff")
_BAR_WIDTH = 0.86


def draw(found: Found, path: Path) -> None:
    """Write the picture as PNG. Raises ImportError without matplotlib."""
    from matplotlib.figure import Figure  # noqa: PLC0415 -- only the extra `bench` has it

    parts = [part for made_up in (False, True) if (part := _part(found, made_up=made_up))]
    if not parts:
        return
    figure = Figure(figsize=(14, 6.4 * len(parts)), dpi=110, facecolor="white", layout="constrained")
    arms = [arm.name for arm in found.arms if arm.name not in found.missing]
    heights = [3.4, 0.34 * len(arms) + 0.2] * len(parts)
    axes = figure.subplots(2 * len(parts), 1, gridspec_kw={"height_ratios": heights}, squeeze=False)[:, 0]
    titles = ("Real tool outputs", "Made-up scenarios") if len(parts) > 1 else ("",)
    for number, (part, title) in enumerate(zip(parts, titles, strict=True)):
        bars, marks = axes[2 * number], axes[2 * number + 1]
        _bars(bars, part, arms, title)
        _kept(marks, part, arms)
    axes[0].legend(
        ncols=len(arms), loc="lower left", bbox_to_anchor=(0, 1.08), frameon=False, fontsize=11, handlelength=1.2, columnspacing=1.4
    )
    figure.savefig(path)


def _part(found: Found, *, made_up: bool) -> dict[str, dict[str, Cell]]:
    cells = {arm.name: by_kind(found.of(arm, made_up=made_up)) for arm in found.arms}
    return cells if any(cells.values()) else {}


def colours(arms: Sequence[str]) -> dict[str, str]:
    """Ours in blue, each peer in a colour of its own."""
    peers = iter(_PEERS * 3)
    return {arm: _OURS.get(arm) or next(peers) for arm in arms}


def _kinds(part: Mapping[str, Mapping[str, Cell]]) -> list[str]:
    return list(dict.fromkeys(kind for own in part.values() for kind in own))


def _bars(axes: Any, part: Mapping[str, Mapping[str, Cell]], arms: Sequence[str], title: str) -> None:
    kinds = _kinds(part)
    width = _BAR_WIDTH / len(arms)
    palette = colours(arms)
    for place, arm in enumerate(arms):
        own = part[arm]
        at = [number + (place - (len(arms) - 1) / 2) * width for number in range(len(kinds))]
        values = [max(own[kind].saved, 0.0) if kind in own else 0.0 for kind in kinds]
        axes.bar(at, values, width * 0.92, color=palette[arm], label=arm)
    axes.set_title(f"{title}: tokens saved, per cent" if title else "Tokens saved, per cent", loc="left", fontsize=13)
    axes.set_ylim(0, 100)
    axes.set_xlim(-0.5, len(kinds) - 0.5)
    axes.set_xticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds], fontsize=11)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, colors="#222222")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _kept(axes: Any, part: Mapping[str, Mapping[str, Cell]], arms: Sequence[str]) -> None:
    """One square for each kind and arm, the redder the more needles are lost."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 -- as above

    kinds = _kinds(part)
    kept = [[part[arm][kind].kept if kind in part[arm] else 100.0 for kind in kinds] for arm in arms]
    scale = LinearSegmentedColormap.from_list("kept", _KEPT_COLOURS)
    axes.imshow(kept, aspect="auto", cmap=scale, vmin=0, vmax=100)
    for row, arm in enumerate(arms):
        for column, kind in enumerate(kinds):
            text = f"{part[arm][kind].kept:.0f}" if kind in part[arm] else "-"
            axes.text(column, row, text, ha="center", va="center", fontsize=10, color="#222222")
    axes.set_title("Strings that answer the question and are still readable, per cent", loc="left", fontsize=12)
    axes.set_yticks(range(len(arms)), arms, fontsize=10)
    axes.set_xticks([])
    axes.tick_params(length=0, colors="#222222")
    for side in axes.spines.values():
        side.set_visible(False)
