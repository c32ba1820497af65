"""The compression bench: its cases are the same in every run, its scoring is right on cases made by hand, and it runs with ours only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headroom_core.tokens import EstimatingCounter
from scripts.bench import by_size, peer_worker, peers
from scripts.bench.cases import QUESTIONS, Case, Needle, asked, load_corpus, pick, readable, salt_text
from scripts.bench.peers import Arm, PeerError, Reply, Worker
from scripts.bench.scenarios import KINDS, TURNS, conversation, scenarios, single
from scripts.bench.scoring import Cell, Row, Scorer, ahead, by_kind, by_question, cell, faster

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "bench" / "compression.py"


def test_scenarios_are_the_same_each_time_and_hold_what_they_ask_for() -> None:
    cases = scenarios()
    assert cases == scenarios()
    assert tuple(dict.fromkeys(case.kind for case in cases)) == KINDS
    for case in cases:
        outputs = case.outputs
        assert case.needles
        assert all(needle.text in outputs[needle.output] and len(needle.text) >= 4 for needle in case.needles), case.name


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_each_scenario_has_questions_of_each_kind(kind: str) -> None:
    cases = single(kind)
    assert {needle.question for case in cases for needle in case.needles} == set(QUESTIONS)
    assert any(needle.semantic for case in cases for needle in case.needles)
    assert len({case.content for case in cases}) == 1
    assert len({case.steps[0].text for case in cases}) == len(cases)


def test_sizes_are_those_of_the_issue() -> None:
    records = {kind: json.loads(single(kind)[0].outputs[0]) for kind in KINDS[:-1]}
    assert [len(records[kind]) for kind in ("search", "logs", "database")] == [1000, 500, 1000]
    assert len(records["nested"]["data"]["users"]) == 150
    talk = conversation()
    assert len(talk.outputs) == TURNS == 50
    assert sum(step.role == "user" for step in talk.steps) == TURNS + 1


def test_a_needle_counts_where_it_stands_or_all_its_words_do() -> None:
    needles = (Needle("src/app.py:12", "lookup"), Needle("north wind", "lookup", output=1), Needle("--", "lookup", output=1))
    assert readable(needles, ["src/app.py:12: x", "north wind --"]) == [True, True, True]
    assert readable(needles, ["src/app.py\n 12: x", "wind\nnorth"]) == [True, True, False]
    assert readable(needles, ["src/app.py:13: x", "north"]) == [False, False, False]
    # In the output that it belongs to, not in another.
    assert readable(needles[:1], ["nothing", "src/app.py:12"]) == [False]


def test_weak_needles_of_the_corpus_do_not_count(tmp_path: Path) -> None:
    _corpus(tmp_path)
    (case,) = load_corpus(tmp_path)
    assert [step.role for step in case.steps] == ["user", "call", "result"]
    assert case.needles == (Needle("Ada Byron", "lookup", semantic=True),)


def _corpus(folder: Path) -> None:
    content = json.dumps([{"id": 1000 + n, "name": "Ada Byron" if n == 40 else f"Bo {n}", "site": "harbour"} for n in range(80)])
    record = {
        "id": "made-1",
        "kind": "json_array",
        "content": content,
        "query": "Who is the mathematician?",
        "kind_of_question": "lookup",
        "semantic": True,
        "needles": ["Ada Byron", "7"],
        "weak_needles": ["7"],
    }
    (folder / "tool_outputs").mkdir()
    (folder / "tool_outputs" / "made-1.json").write_text(json.dumps(record))


def _case(name: str, content: str, *needles: Needle, kind: str = "log") -> Case:
    return Case(name, kind, asked("Which?", "tool", {}, content), needles)


def _row(arm: str, case: Case, before: int, after: int, *kept: bool) -> Row:
    return Row(arm, case, before, after, kept, changed=before != after)


def test_savings_take_each_content_once_and_the_plain_sum_does_not() -> None:
    lookup, error = Needle("alpha", "lookup"), Needle("omega", "error", semantic=True)
    rows = [
        _row("x", _case("a-1", "one", lookup), 1000, 200, True),
        _row("x", _case("a-2", "one", error), 1000, 400, False),
        _row("x", _case("b", "two", lookup, error, kind="diff"), 500, 500, True, True),
    ]
    found = cell(rows)
    assert found is not None
    assert found.saved == pytest.approx(100 * (1 - (300 + 500) / 1500))
    assert found.saved_sum == pytest.approx(100 * (1 - 1100 / 2500))
    assert (found.hits, found.needles, found.cases, found.kept) == (3, 4, 3, 75.0)
    assert cell([]) is None
    assert {name: round(made.saved, 1) for name, made in by_kind(rows).items()} == {"log": 70.0, "diff": 0.0, "all": 46.7}
    assert {name: (made.hits, made.needles) for name, made in by_question(rows).items()} == {
        "lookup": (2, 2),
        "error": (1, 2),
        "semantic": (1, 2),
    }


def test_an_arm_that_fails_counts_as_unchanged_and_growth_is_seen() -> None:
    scorer = Scorer(EstimatingCounter("o200k_base"))
    case = _case("a", "alpha beta gamma " * 50, Needle("alpha beta", "lookup"))
    failed = scorer.score("x", case, Reply(error="no"))
    assert (failed.after, failed.kept, failed.changed, failed.error) == (failed.before, (True,), False, "no")
    grown = scorer.score("x", case, Reply((case.outputs[0] * 2,)))
    assert grown.grown
    assert grown.changed
    gone = scorer.score("x", case, Reply(("",)))
    assert (gone.after, gone.kept) == (0, (False,))


def _cell(saved: float, kept: float) -> Cell:
    return Cell(saved, saved, kept, 0, 1, 1)


@pytest.mark.parametrize(
    ("peer", "mark"),
    [
        pytest.param((40, 100), "", id="behind lossless"),
        pytest.param((60, 99), "", id="behind balanced"),
        pytest.param((55, 100), "▲", id="more than lossless and as true"),
        pytest.param((85, 99), "▲", id="more than balanced and as true"),
        pytest.param((85, 60), "△", id="more by losing more"),
        pytest.param((50.01, 100), "", id="the same but for rounding"),
    ],
)
def test_cells_in_which_a_peer_is_ahead_are_marked(peer: tuple[float, float], mark: str) -> None:
    assert ahead(_cell(*peer), [_cell(50, 100), _cell(80, 99)]) == mark


def test_a_peer_is_faster_only_if_clearly() -> None:
    assert [faster(peer, [5.0, 8.0]) for peer in (4.0, 4.8, 6.0)] == ["▲", "", ""]
    assert faster(1.0, []) == ""


@pytest.mark.parametrize("text", ['[{"level":"info","what":"rarely said"}, {"level":"info","what":"else"}]', "1234, 5678", "--"])
def test_a_salt_gives_new_text_of_the_same_shape(text: str) -> None:
    salted = {salt_text(text, salt) for salt in range(1, 60)}
    assert len(salted) == 59
    assert text not in salted
    if text != "--":
        assert {len(one) for one in salted} == {len(text)}
    if text.startswith("["):
        assert all([list(record) for record in json.loads(one)] == [["level", "what"], ["level", "what"]] for one in salted)


def test_a_limit_takes_from_each_kind_in_turn() -> None:
    cases = [_case(f"{kind}-{n}", str(n), kind=kind) for kind in ("log", "diff") for n in range(4)]
    assert [case.name for case in pick(cases, [], 3)] == ["log-0", "log-1", "diff-0"]
    assert [case.name for case in pick(cases, ["diff"], None)] == ["diff-0", "diff-1", "diff-2", "diff-3"]


@pytest.mark.parametrize("convert", [peer_worker.anthropic_messages, peer_worker.openai_messages])
def test_both_request_formats_give_the_outputs_back(convert: Callable[[peer_worker.Steps], list[dict[str, object]]]) -> None:
    talk = conversation(3)
    steps = [{"role": step.role, "text": step.text, "name": step.name, "arguments": dict(step.arguments)} for step in talk.steps]
    messages = convert(steps)
    assert peer_worker.tool_results(messages, steps) == talk.outputs
    assert peer_worker.tool_results(messages[:-5], steps) == [*talk.outputs[:2], ""]


def test_a_process_that_does_not_start_says_why() -> None:
    with pytest.raises(PeerError, match="KeyError: 'no-such-arm'"), Worker(Arm("no-such-arm")):
        pass


def test_a_peer_that_cannot_be_installed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(PeerError, match=r"no-such-peer==1\.0: .*No matching distribution"):
        Worker(Arm("peer", "no-such-peer==1.0", "peer"))


def test_a_process_that_hangs_is_ended_and_started_anew() -> None:
    case = single("database")[0]
    with Worker(Arm("ours-balanced")) as worker:
        assert worker.ask(case).error == ""
        worker.limit = 0.001
        assert "ended" in worker.ask(case).error
        worker.limit = 60
        assert worker.ask(case).error == ""


def test_growth_is_measured_from_100_kb() -> None:
    points = [by_size.Point("x", "rows", size, seconds) for size, seconds in ((10_000, 0.01), (100_000, 0.02), (1_000_000, 0.4))]
    assert by_size.growth(points) == pytest.approx(2.0)
    assert by_size.growth(points[:1]) is None


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "addon")))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_runs_with_ours_only(tmp_path: Path) -> None:
    _corpus(tmp_path)
    out = tmp_path / "figures.json"
    done = _run("--ours-only", "--limit", "3", "--corpus", str(tmp_path), "--json", str(out))
    assert done.returncode == 0, done.stderr
    assert "corpus: by kind of output" in done.stdout
    assert "scenarios: by kind of question" in done.stdout
    figures = json.loads(out.read_text())
    assert figures["missing"] == {}
    assert {row["arm"] for row in figures["rows"]} == {"ours-lossless", "ours-balanced"}
    assert len(figures["rows"]) == 2 * (1 + 3)
    assert all(row["error"] == "" and not row["grown"] and row["ms_per_100_kb"] > 0 for row in figures["rows"])
    assert figures["corpus"]["by_kind"]["ours-lossless"]["json_array"]["saved"] > 10
    assert figures["corpus"]["by_kind"]["ours-lossless"]["json_array"]["needles"] == 1


def test_without_a_corpus_it_says_so_and_runs_the_scenarios(tmp_path: Path) -> None:
    done = _run("--ours-only", "--arms", "ours-lossless", "--kinds", "nested", "--limit", "1", "--no-times", "--corpus", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"No corpus at {tmp_path}" in done.stderr
    assert "corpus:" not in done.stdout
    assert "nested (1)" in done.stdout


def test_what_does_not_exist_is_refused() -> None:
    assert "no such arm: nobody" in _run("--arms", "nobody").stderr
    unknown = _run("--ours-only", "--kinds", "poems", "--corpus", "/nowhere")
    assert unknown.returncode == 1
    assert "There are: search, logs, nested, database, conversation" in unknown.stderr
