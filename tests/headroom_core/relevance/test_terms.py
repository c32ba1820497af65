"""A question is taken apart into what records can be matched with."""

from __future__ import annotations

import pytest

from headroom_core.relevance.terms import Kind, Term, is_identifier, question, stem, words


@pytest.mark.parametrize(
    ("text", "kind", "term"),
    [
        ("What does 10420 say?", Kind.IDENTIFIER, "10420"),
        ("Why did ERR-7731 happen?", Kind.IDENTIFIER, "err-7731"),
        ("look at src/a.py:12", Kind.IDENTIFIER, "src/a.py:12"),
        ("order #W2582045 please", Kind.IDENTIFIER, "#w2582045"),
        ("what is innodb_flush_method?", Kind.IDENTIFIER, "innodb_flush_method"),
        ("where is getUserName called", Kind.IDENTIFIER, "getusername"),
        ('the film "To Live and Die in L.A."', Kind.PHRASE, "to live and die in l.a."),
        ("and when was it in Ecuador?", Kind.NAME, "ecuador"),
        ("how many westerns are there", Kind.WORD, "western"),
        ("list the documentaries", Kind.WORD, "documentar"),
    ],
)
def test_terms(text: str, kind: Kind, term: str) -> None:
    assert Term(term, kind) in question(text).terms


@pytest.mark.parametrize("text", ["", "Please show me all of them.", "Summarize the results", "what is this?"])
def test_questions_about_nothing_in_particular(text: str) -> None:
    assert question(text).terms == ()


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Which five rows have the highest life expectancy?", {"extremes": True, "several": 5}),
        ("What is the most expensive item?", {"extremes": True}),
        ("Did anything fail?", {"errors": True}),
        ("How many are there in total?", {"totals": True}),
        ("Is anything out of the ordinary?", {"anomalies": True}),
        ("Who lives in a large long house?", {"extremes": False}),
        ("How long do people live there?", {"extremes": False}),
    ],
)
def test_what_is_asked_for(text: str, facts: dict[str, object]) -> None:
    asked = question(text)
    assert {name: getattr(asked, name) for name in facts} == facts


@pytest.mark.parametrize("token", ["a1", "x_y", "a/b", "A::b", "camelCase", "file.py", "10-20"])
def test_identifiers(token: str) -> None:
    assert is_identifier(token)


@pytest.mark.parametrize("token", ["plain", "Name", "UPPER", "well-known", "end."])
def test_no_identifiers(token: str) -> None:
    assert not is_identifier(token)


def test_words_split_names() -> None:
    assert {"user", stem("name"), "http", stem("response")} <= words("userName http_response")
