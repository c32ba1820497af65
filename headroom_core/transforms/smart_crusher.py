"""SmartCrusher: one tool output's text into fewer tokens, or a reason why it stays.

The compressor that fits best is asked first. Its form is taken only if it is clearly smaller; a text that carries our
own mark is never rewritten again.
"""

from __future__ import annotations

from headroom_core.compressors import COMPRESSORS
from headroom_core.compressors.file_reads import is_file_read
from headroom_core.compressors.notes import MARK
from headroom_core.model import Ask, Reason, Rewritten, Skipped
from headroom_core.settings import Settings

# What a form must save at least to be worth that the model reads another notation: a twentieth and 40 characters.
_WORTH = 0.95
_WORTH_CHARACTERS = 40


def crush(text: str, ask: Ask, settings: Settings, content_id: str) -> Rewritten | Skipped:
    """The new form of `text`, or why it has none. A pure function of its arguments."""
    if MARK in text[:4000]:
        return Skipped(Reason.ALREADY_REWRITTEN)
    if is_file_read(ask):
        return Skipped(Reason.FILE_READ)
    fits = sorted(((compressor.fit(text, ask), -index) for index, compressor in enumerate(COMPRESSORS)), reverse=True)
    refused: Skipped | None = None
    for fit, index in fits:
        if fit <= 0:
            break
        result = COMPRESSORS[-index].compress(text, ask, settings, content_id)
        if isinstance(result, Rewritten):
            if _clearly_smaller(result.text, text):
                return result
            result = Skipped(Reason.NOT_SMALLER, result.compressor)
        # What the best fitting one says is the reason.
        refused = refused or result
    return refused or Skipped(Reason.NO_COMPRESSOR_FITS)


def _clearly_smaller(new: str, old: str) -> bool:
    return len(new) <= len(old) * _WORTH and len(new) <= len(old) - _WORTH_CHARACTERS
