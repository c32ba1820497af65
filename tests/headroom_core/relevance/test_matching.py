"""Terms are found where they stand as terms, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from headroom_core.relevance.matching import SearchText
from headroom_core.relevance.terms import Kind, Term


def rows(lines: list[str], text: str, kind: Kind) -> list[int]:
    term = Term(text, kind)
    found: list[int] = SearchText(lines).match([term]).rows[term].tolist()
    return found


@pytest.mark.parametrize(
    ("text", "kind", "line", "found"),
    [
        ("10420", Kind.IDENTIFIER, "id 10420 here", True),
        ("10420", Kind.IDENTIFIER, "id 104205 here", False),
        ("10420", Kind.IDENTIFIER, "id 910420", False),
        ("10420", Kind.IDENTIFIER, "doc-10420,x", True),
        ("err-7731", Kind.IDENTIFIER, "code ERR-7731: no", True),
        ("western", Kind.WORD, "[Drama,Western]", True),
        ("western", Kind.WORD, "the Westerns of old", True),
        ("western", Kind.WORD, "northwestern", False),
        ("user", Kind.WORD, "getUserName()", True),
        ("documentar", Kind.WORD, "a Documentary film", True),
        ("stat", Kind.WORD, "statistically", False),
        ("to live", Kind.PHRASE, "To Live and Die", True),
    ],
)
def test_a_term_stands_alone(text: str, kind: Kind, line: str, found: bool) -> None:
    assert rows(["other", line, "thing"], text, kind) == ([1] if found else [])


def test_letters_that_change_length_in_lower_case_keep_rows_true() -> None:
    assert rows(["İİİİİİİİ", "needle42", "x"], "needle42", Kind.IDENTIFIER) == [1]


def test_rare_terms_weigh_more_and_stand_in_their_rows() -> None:
    lines = [f"common word {number}" for number in range(50)]
    lines[17] += " special"
    rare, common = Term("special", Kind.WORD), Term("common", Kind.WORD)
    found = SearchText(lines).match([rare, common])
    assert found.weights[rare] > found.weights[common]
    assert int(np.argmax(found.scores)) == 17


def test_no_lines() -> None:
    assert SearchText([]).match([Term("x", Kind.WORD)]).scores.tolist() == []
