"""The form that is taken: of the compressor that fits best, and only if it is clearly smaller."""

from __future__ import annotations

import json
import random
import time

import pytest

from headroom_core.compressors.notes import MARK
from headroom_core.model import Ask, Reason, Rewritten, Skipped
from headroom_core.settings import Settings
from headroom_core.transforms import smart_crusher
from headroom_core.transforms.smart_crusher import crush

RECORDS = json.dumps([{"id": number, "status": "open", "owner": "platform"} for number in range(30)])


class Fixed:
    """A compressor that fits as well as it is told and always has the same answer."""

    def __init__(self, name: str, fit: float, answer: str | Reason) -> None:
        self.name = name
        self._fit = fit
        self._answer = answer
        self.asked = 0

    def fit(self, text: str, ask: Ask) -> float:
        del text, ask
        return self._fit

    def compress(self, text: str, ask: Ask, settings: Settings, content_id: str) -> Rewritten | Skipped:
        del text, ask, settings, content_id
        self.asked += 1
        return Skipped(self._answer) if isinstance(self._answer, Reason) else Rewritten(self._answer, self.name, lossless=True)


def crushed(text: str, *compressors: Fixed, monkeypatch: pytest.MonkeyPatch) -> Rewritten | Skipped:
    monkeypatch.setattr(smart_crusher, "COMPRESSORS", compressors)
    return crush(text, Ask(), Settings(), "id")


def test_records_become_a_table() -> None:
    form = crush(RECORDS, Ask(), Settings(), "id")
    assert isinstance(form, Rewritten)
    assert form.text.startswith(MARK)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", Reason.NO_COMPRESSOR_FITS, id="empty"),
        pytest.param("prose " * 1000, Reason.NO_COMPRESSOR_FITS, id="prose"),
        pytest.param("\ud800" + RECORDS, Reason.NO_COMPRESSOR_FITS, id="lone-surrogate-before"),
        pytest.param(RECORDS.replace("open", "\ud800"), Reason.NO_COMPRESSOR_FITS, id="lone-surrogate-inside"),
        pytest.param('{"x":"' + "y" * 3000 + '"}', Reason.NOT_SMALLER, id="nothing-to-gain"),
        pytest.param(f"{MARK} a form]\n{RECORDS}", Reason.ALREADY_REWRITTEN, id="a-form-of-ours"),
        pytest.param(f"$ cat notes\n{MARK} a form]\n{RECORDS}", Reason.ALREADY_REWRITTEN, id="a-form-of-ours-quoted"),
    ],
)
def test_what_is_left_alone_says_why(text: str, reason: Reason) -> None:
    left = crush(text, Ask(), Settings(), "id")
    assert isinstance(left, Skipped)
    assert left.reason is reason


def test_the_best_fit_is_asked_first_and_the_first_of_equals(monkeypatch: pytest.MonkeyPatch) -> None:
    low, best, equal = Fixed("low", 0.2, "l"), Fixed("best", 0.9, "b"), Fixed("equal", 0.9, "e")
    form = crushed("x" * 1000, low, best, equal, monkeypatch=monkeypatch)
    assert isinstance(form, Rewritten)
    assert form.compressor == "best"
    assert (low.asked, equal.asked) == (0, 0)


def test_the_next_is_asked_where_one_refuses_or_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing, growing, good = Fixed("r", 0.9, Reason.NO_COMPRESSOR_FITS), Fixed("g", 0.8, "y" * 2000), Fixed("good", 0.1, "short")
    form = crushed("x" * 1000, good, growing, refusing, monkeypatch=monkeypatch)
    assert isinstance(form, Rewritten)
    assert form.text == "short"


def test_one_that_does_not_fit_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    unfit = Fixed("unfit", 0.0, "short")
    assert crushed("x" * 1000, unfit, monkeypatch=monkeypatch) == Skipped(Reason.NO_COMPRESSOR_FITS)
    assert unfit.asked == 0


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        pytest.param(1000, 950, True, id="a-twentieth-less"),
        pytest.param(1000, 951, False, id="just-not-a-twentieth"),
        pytest.param(1000, 1000, False, id="equal"),
        pytest.param(1000, 2000, False, id="larger"),
        pytest.param(100, 60, True, id="forty-less"),
        pytest.param(100, 61, False, id="less-than-forty-less"),
        pytest.param(10, 0, False, id="tiny"),
    ],
)
def test_a_form_must_be_clearly_smaller(before: int, after: int, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    form = crushed("x" * before, Fixed("c", 1.0, "y" * after), monkeypatch=monkeypatch)
    assert isinstance(form, Rewritten) == taken
    if isinstance(form, Skipped):
        assert form.reason is Reason.NOT_SMALLER


def test_it_is_pure() -> None:
    forms = [crush(RECORDS, Ask("which is open?", "search", "{}"), Settings(), "id") for _ in range(3)]
    assert forms[0] == forms[1] == forms[2]


# Rule 8: work is linear in the text, whatever it is.


def _texts(size: int) -> dict[str, str]:
    dice = random.Random(size)
    return {
        "records": json.dumps([{"id": n, "a": dice.random(), "s": f"w{n}"} for n in range(size // 40)]),
        "other-keys-in-each": json.dumps([{f"k{dice.randrange(10**6)}": n} for n in range(size // 16)]),
        "keyed": json.dumps({f"k{n}": {f"x{m}": m for m in range(3)} for n in range(size // 40)}),
        "lists-in-lists": json.dumps([[[n]] for n in range(size // 8)]),
        "braces": "{\n" * (size // 2),
        "brackets": "[1,\n" * (size // 4),
        "broken-json-lines": "\n".join(f'{{"a":{n}' for n in range(size // 9)),
        "pipes": "|" * size,
        "rules": "---|---\n" * (size // 8),
        "commas": "," * size,
        "open-quote": "a,b\n" * 10 + '"' + "x,\n" * (size // 3),
        "spelled-numbers": json.dumps([{"id": n} for n in range(size // 20)]).replace("}", ',"v":1.10}'),
        "json-in-strings": json.dumps([{"s": json.dumps({"a": n})} for n in range(size // 24)]),
        "paths": json.dumps([{"p": "/a" * (n % 40)} for n in range(size // 55)]),
        "deep": "[" * 200 + json.dumps([{"i": n} for n in range(size // 10)]) + "]" * 200,
        "errors": json.dumps([{"id": n, "msg": f"error: failed {n} timeout"} for n in range(size // 40)]),
        "blanks": " " * size,
        "json-behind-blanks": "\n" * size + RECORDS,
    }


@pytest.mark.parametrize("name", sorted(_texts(1000)))
def test_time_grows_with_the_text_and_not_with_its_square(name: str) -> None:
    """Ten times the text may take ten times as long; a hundred times would be its square. In between is this machine's noise."""
    seconds = []
    for size in (20_000, 200_000):
        text = _texts(size)[name]
        best = 1.0
        for _ in range(3):
            before = time.perf_counter()
            crush(text, Ask("which is broken?", "search", "{}"), Settings(), "id")
            best = min(best, time.perf_counter() - before)
        seconds.append(best)
    assert seconds[1] < 40 * max(seconds[0], 0.001)
