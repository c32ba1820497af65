"""The recording that is shipped: complete, small, real in shape, and free of names of the machine it was made on."""

from __future__ import annotations

import getpass
import json
import socket
from importlib import resources
from pathlib import Path

from headroom_proxy.demo.recording import load
from headroom_proxy.local_upstream import Call

RECORDING = load()
FILES = [Path(str(file)) for file in (resources.files("headroom_proxy.demo") / "data").iterdir()]


def test_every_call_has_its_output() -> None:
    calls = [part for reply in RECORDING.replies for part in reply if isinstance(part, Call)]
    assert [RECORDING.tool_result(call.name, call.arguments)[0] for call in calls] == RECORDING.output_names
    assert {call.name for call in calls} <= {tool["name"] for tool in RECORDING.tools}


def test_an_asked_record_is_in_the_middle_of_its_output_and_named_by_the_person() -> None:
    for fact in RECORDING.asked:
        records = json.loads(RECORDING.outputs[fact.output])
        assert 0.3 < records.index(fact.record) / len(records) < 0.7
        assert any(str(fact.record[fact.key]) in ask for ask in RECORDING.asks)


def test_the_errors_are_all_there_are_and_named_by_nobody() -> None:
    records = json.loads(RECORDING.outputs["request_log"])
    assert [fact.record for fact in RECORDING.errors] == [record for record in records if record["status"] >= 500]
    assert 5 <= len(RECORDING.errors) <= len(records) // 20
    assert not any(fact.record["request_id"] in ask for fact in RECORDING.errors for ask in RECORDING.asks)


def test_it_is_small() -> None:
    assert sum(file.stat().st_size for file in FILES) < 400_000


def test_it_names_neither_machine_nor_person() -> None:
    names = [name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 5]
    foreign = ["/root/", "/tmp/", str(Path.home()), *names]
    for file in FILES:
        text = file.read_text()
        assert [name for name in foreign if name in text] == [], file
        assert "@" not in text.replace("dev@example.org", "").replace("@pytest", "").replace("@contextlib", "").replace("@dataclass", ""), (
            file
        )
