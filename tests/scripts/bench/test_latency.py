"""The bench runs for real, with few requests: its figures are not judged here, but that it measures both arms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_it_measures_both_arms_and_leaves_no_process(tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "addon")])
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench" / "latency.py"), "--quick", "--json"],
        env=os.environ | {"PYTHONPATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["name"] for row in found["requests"]] == [
        "0.5 kB",
        "200 kB, seen",
        "200 kB, all new",
        "780 kB, 10 kB new",
        "first byte, 0.5 kB",
        "first byte, 200 kB",
    ]
    for row in found["requests"]:
        assert row["requests"] >= 2
        assert 0 < row["bare_p50"] <= row["bare_p95"]
        assert 0 < row["addon_p50"] <= row["addon_p95"]
    # Bare mitmdump holds a stream back until its end, 0.18 s; the addon lets it through.
    assert found["requests"][4]["bare_p50"] > 150 > found["requests"][4]["addon_p50"]
    assert found["throughput"]["bare"] > 0 < found["throughput"]["addon"]
    assert found["light"]["addon"]["worst"] >= found["light"]["addon"]["p50"] > 0
    assert found["memory"]["loaded"]["addon"]["main"] > found["memory"]["loaded"]["bare"]["main"] > 10
    assert found["memory"]["loaded"]["addon"]["workers"] > 0
    left = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in left
