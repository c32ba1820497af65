"""Compressors: one kind of text a file. A new one is a file and a line in `COMPRESSORS`.

Each says how well it fits a text (0: not at all, 1: made for it) and is asked in that order until one has a form.
"""

from __future__ import annotations

from typing import Protocol

from headroom_core.compressors.json_records import JsonRecords
from headroom_core.compressors.json_text import JsonAmongText, JsonLines
from headroom_core.compressors.text_tables import TextTable
from headroom_core.model import Ask, Rewritten, Skipped
from headroom_core.settings import Settings

__all__ = ["COMPRESSORS", "Compressor"]


class Compressor(Protocol):
    """One kind of text."""

    name: str

    def fit(self, text: str, ask: Ask) -> float:
        """How well this compressor fits, from 0 to 1, found without work that grows faster than the text."""

    def compress(self, text: str, ask: Ask, settings: Settings, content_id: str) -> Rewritten | Skipped:
        """The text's new form, or why there is none. Pure; linear in the text."""


COMPRESSORS: tuple[Compressor, ...] = (JsonRecords(), JsonLines(), JsonAmongText(), TextTable())
