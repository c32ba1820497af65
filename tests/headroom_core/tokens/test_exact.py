from __future__ import annotations

import gzip
import importlib.util
import os
import random
import time
from pathlib import Path

import bpe_openai
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom_core.tokens import TokenCounter, counter, exact
from headroom_core.tokens.vocabulary import O200K_BASE

# Counts that OpenAI published for o200k_base ("How to count tokens with tiktoken", OpenAI cookbook).
KNOWN = [
    ("", 0),
    ("antidisestablishmentarianism", 6),
    ("2 + 2 = 4", 7),
    ("お誕生日おめでとう", 8),
]

VARIED = [
    '{"id": 1041, "name": "Größe", "tags": ["a", "b\\n"], "price": 1.10, "when": "2026-11-23T13:12:00Z"}',
    "def f(x):\n    return x  # two  blanks\n\n\n\tif x:\r\n\t\tpass\r\n",
    "2026-11-23 13:12:01,123 ERROR [worker-3] app.db: connection to 10.0.0.7:5432 refused (attempt 3/5)",
    "日本語のテキストと中文文本,한국어 텍스트。Русский текст, ελληνικά, עברית, हिन्दी, ไทย",
    "🙂👩‍👩‍👧‍👦 e\u0301 \u200b\ufeff\x00\x1b[31mred\x1b[0m",
    "https://example.org/a/b?c=d&e=%20f#g ///// \\\\\\\\ ----- ===== {}[]()",
    "ABCdefGHI XMLHttpRequest iPhone's WE'LL they'Re",
    "    \t  \n   x   \n\n  y \u00a0\u2003z   ",
    "<|endofprompt|> <|im_start|>user<|im_sep|>",
]

TEXTS = st.text(alphabet=st.one_of(st.sampled_from("aZ09 \t\n\r\"{}[],:/'.-_<|>"), st.characters(exclude_categories=["Cs"])), max_size=300)


@pytest.fixture(scope="module")
def ours() -> TokenCounter:
    return counter()


@pytest.fixture(scope="module")
def other() -> bpe_openai.Encoding:
    """Another implementation of the same tokenizer, in Rust, with a vocabulary of its own."""
    return bpe_openai.get_encoding("o200k_base")


def test_counter_is_exact_and_one_for_the_process(ours: TokenCounter) -> None:
    assert ours.exact
    assert ours.encoding == "o200k_base"
    assert counter() is ours


@pytest.mark.parametrize(("text", "tokens"), KNOWN)
def test_known_counts(ours: TokenCounter, text: str, tokens: int) -> None:
    assert ours.count(text) == tokens


@pytest.mark.parametrize("text", VARIED)
def test_counts_as_another_implementation(ours: TokenCounter, other: bpe_openai.Encoding, text: str) -> None:
    assert ours.count(text) == len(other.encode_ordinary(text))


@given(text=TEXTS)
def test_any_text_counts_as_in_another_implementation(text: str) -> None:
    assert counter().count(text) == len(bpe_openai.get_encoding("o200k_base").encode_ordinary(text))


def test_same_encoding_as_tiktoken_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: TokenCounter) -> None:
    spec = importlib.util.find_spec("bpe_openai")
    assert spec is not None
    assert spec.origin is not None
    packed = Path(spec.origin).parent / "data" / "o200k_base.tiktoken.gz"
    (tmp_path / O200K_BASE.url_sha1).write_bytes(gzip.decompress(packed.read_bytes()))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", os.fspath(tmp_path))
    theirs = tiktoken.get_encoding("o200k_base")
    assert theirs._pat_str == O200K_BASE.pattern
    for text in [*VARIED, Path(__file__).read_text(encoding="utf-8")]:
        assert ours.count(text) == len(theirs.encode_ordinary(text))


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ud83d\ude00", "\udc00\ud800" * 50])
def test_surrogates_count(ours: TokenCounter, text: str) -> None:
    repaired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert ours.count(text) == ours.count(repaired) > 0


@settings(deadline=None)
@given(parts=st.lists(st.one_of(TEXTS, st.sampled_from(VARIED)), max_size=8), piece=st.integers(1, 40))
def test_cutting_changes_no_count(parts: list[str], piece: int) -> None:
    text = "".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        whole = counter().count(text)
        patch.setattr(exact, "_PIECE", piece)
        assert "".join(exact._pieces(text)) == text
        assert counter().count(text) == whole


def test_long_text_is_cut_and_counts_the_same(ours: TokenCounter, other: bpe_openai.Encoding) -> None:
    chosen = random.Random(7)
    text = "\n".join(chosen.choice(VARIED) + str(chosen.random()) for _ in range(5_000))
    assert len(list(exact._pieces(text))) > 1
    assert ours.count(text) == len(other.encode_ordinary(text))


def test_special_tokens_count_as_text(ours: TokenCounter) -> None:
    assert ours.count("<|endoftext|>") > 1
    assert ours.count("a<|endoftext|>b") > 3


# tiktoken itself panics (no Exception) at a million blanks in a row.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (" " * 3_200_000, 25_000),
        ("\n" + "\t" * 1_600_000 + "x", None),
        ("a" * 400_000, 50_000),
        ("漢" * 1_000_000, 1_000_000),
        ("\ud800" * 300_000, None),
    ],
    ids=["blanks", "tabs", "letters", "han", "surrogates"],
)
def test_long_runs_stay_tame(ours: TokenCounter, text: str, tokens: int | None) -> None:
    started = time.process_time()
    counted = ours.count(text)
    assert time.process_time() - started < 10
    assert counted > 1_000
    assert tokens is None or counted == tokens


def test_the_ranks_are_not_kept(ours: TokenCounter) -> None:
    assert isinstance(ours, exact.TiktokenCounter)
    assert not ours._encoding._mergeable_ranks
