"""The one digest of this program: the first 16 bytes of SHA-256, which current CPUs compute in hardware."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Buffer


def digest(data: Buffer) -> bytes:
    """16 bytes that name `data`."""
    return hashlib.sha256(data).digest()[:16]


def digest_text(text: str) -> bytes:
    """16 bytes that name `text`; lone surrogates count as they are."""
    return digest(text.encode("utf-8", "surrogatepass"))
