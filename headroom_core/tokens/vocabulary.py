"""Where a tokenizer's vocabulary file lies on this machine. Files are taken by their sha256, never by their name alone."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tiktoken encoding: the facts of `tiktoken_ext.openai_public`, which itself would download the file."""

    name: str
    url_sha1: str
    """Name of the file in a tiktoken cache folder: sha1 of the address that tiktoken would fetch it from."""
    sha256: str
    pattern: str
    """The regular expression that cuts a text into the pieces which are then merged."""


O200K_BASE = Vocabulary(
    name="o200k_base",
    url_sha1="fb374d419588a4632f3f557e76b4b70aebbca790",
    sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    pattern=(
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"""
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"""
        r"""\p{N}{1,3}|"""
        r""" ?[^\s\p{L}\p{N}]+[\r\n/]*|"""
        r"""\s*[\r\n]+|"""
        r"""\s+(?!\S)|"""
        r"""\s+"""
    ),
)


def find(vocabulary: Vocabulary) -> bytes | None:
    """The vocabulary file's bytes from the first place that has them whole and unchanged; None if there is none."""
    for path in places(vocabulary):
        data = _read(path)
        if data is not None and hashlib.sha256(data).hexdigest() == vocabulary.sha256:
            return data
    return None


def places(vocabulary: Vocabulary) -> Iterator[Path]:
    """Where to look, in order: the user's tiktoken cache, our own cache folder, installed packages that carry the file."""
    tiktoken_cache = os.environ.get("TIKTOKEN_CACHE_DIR")
    if tiktoken_cache:
        yield Path(tiktoken_cache, vocabulary.url_sha1)
    yield Path(platformdirs.user_cache_dir("headroom"), vocabulary.url_sha1)
    yield from _in_package("bpe_openai", f"data/{vocabulary.name}.tiktoken.gz")
    yield from _in_package("litellm", f"litellm_core_utils/tokenizers/{vocabulary.url_sha1}")


def _in_package(package: str, path: str) -> Iterator[Path]:
    # Only located, never imported: litellm takes seconds to import.
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder, path)


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error):
        return None
