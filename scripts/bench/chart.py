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
_PEERS = ("#e0a800", "#e07a3f", "#6f9a3a", "#b383bd", "#6b4c93")
_KEPT_COLOURS = ("#d7301f", "#fc8d59", "#fdd49e", "#ffffff")
_INK = "#222222"
_BAR_WIDTH = 0.86
_RELIABLE = 95.0
"""Per cent of the needles. Bars of those who keep fewer are hatched."""

type Part = Mapping[str, Mapping[str, Cell]]
"""Figures by arm and kind of output."""


def draw(found: Found, path: Path) -> None:
    """Write the picture as PNG. Raises ImportError without matplotlib."""
    from matplotlib.figure import Figure  # noqa: PLC0415 -- only the extra `bench` has it
    from matplotlib.patches import Patch  # noqa: PLC0415

    arms = [arm.name for arm in found.arms if arm.name not in found.missing]
    named = {title: _part(found, arms, made_up=made_up) for title, made_up in (("Real tool outputs", False), ("Made-up scenarios", True))}
    parts = {title: part for title, part in named.items() if any(part.values())}
    strip = 0.3 * len(arms) + 0.1
    figure = Figure(figsize=(14, (3.9 + strip + 1.1) * len(parts) + 1), dpi=110, facecolor="white", layout="constrained")
    axes = figure.subplots(2 * len(parts), 1, gridspec_kw={"height_ratios": [3.9, strip] * len(parts)}, squeeze=False)[:, 0]
    for number, (title, part) in enumerate(parts.items()):
        _bars(axes[2 * number], part, f"{title}: tokens saved, per cent")
        _kept(axes[2 * number + 1], part)
    handles = [Patch(color=colour, label=arm) for arm, colour in colours(arms).items()]
    handles.append(Patch(facecolor="none", edgecolor=_INK, hatch="////", label=f"hatched: keeps under {_RELIABLE:.0f}% of what answers"))
    figure.legend(handles=handles, ncols=4, loc="outside upper left", frameon=False, fontsize=11.5, handlelength=1.3)
    figure.savefig(path)


def _part(found: Found, arms: Sequence[str], *, made_up: bool) -> Part:
    return {arm.name: by_kind(found.of(arm, made_up=made_up)) for arm in found.arms if arm.name in arms}


def colours(arms: Sequence[str]) -> dict[str, str]:
    """Ours in blue, each peer in a colour of its own."""
    peers = iter(_PEERS * 3)
    return {arm: _OURS.get(arm) or next(peers) for arm in arms}


def _kinds(part: Part) -> list[str]:
    return list(dict.fromkeys(kind for own in part.values() for kind in own))


def _bars(axes: Any, part: Part, title: str) -> None:
    kinds = _kinds(part)
    width = _BAR_WIDTH / len(part)
    palette = colours(list(part))
    for place, (arm, own) in enumerate(part.items()):
        at = [number + (place - (len(part) - 1) / 2) * width for number in range(len(kinds))]
        heights = [max(own[kind].saved, 0.0) if kind in own else 0.0 for kind in kinds]
        drawn = axes.bar(at, heights, width * 0.88, color=palette[arm], edgecolor=palette[arm], linewidth=0.8)
        for bar, kind in zip(drawn, kinds, strict=True):
            if kind in own and own[kind].kept < _RELIABLE:
                bar.set(facecolor="none", hatch="//////")
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=_INK, pad=8)
    axes.set_ylim(0, 100)
    axes.set_xlim(-0.5, len(kinds) - 0.5)
    axes.set_xticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds], fontsize=11.5)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, colors=_INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _kept(axes: Any, part: Part) -> None:
    """One square for each kind and arm, the redder the more needles are lost."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    kinds = _kinds(part)
    kept = [[own[kind].kept if kind in own else 100.0 for kind in kinds] for own in part.values()]
    axes.imshow(kept, aspect="auto", cmap=LinearSegmentedColormap.from_list("kept", _KEPT_COLOURS), vmin=0, vmax=100)
    for row, own in enumerate(part.values()):
        for column, kind in enumerate(kinds):
            text = f"{own[kind].kept:.0f}" if kind in own else "-"
            axes.text(column, row, text, ha="center", va="center", fontsize=11, color=_INK)
    axes.set_title("Kept, per cent of the strings that answer the questions", loc="left", fontsize=11.5, color=_INK, pad=5)
    axes.set_yticks(range(len(part)), list(part), fontsize=11)
    axes.set_xticks([])
    axes.tick_params(length=0, colors=_INK)
    for side in axes.spines.values():
        side.set_visible(False)
