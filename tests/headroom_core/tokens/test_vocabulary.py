from __future__ import annotations

import dataclasses
import gzip
import hashlib
import importlib.util
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from headroom_core.tokens import build_counter
from headroom_core.tokens.vocabulary import O200K_BASE, find, places

SMALL = dataclasses.replace(O200K_BASE, sha256=hashlib.sha256(b"YQ== 0\n").hexdigest())

NO_NETWORK = """
import sys
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        raise SystemExit(f"network: {event} {args}")
sys.addaudithook(refuse)
if sys.argv[1] == "bare":
    import importlib.util
    importlib.util.find_spec = lambda name: None
from headroom_core.tokens import counter
print(counter().exact, counter().count("hello world"))
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A tiktoken cache and a cache folder of ours, both empty; no package carries a vocabulary."""
    tiktoken_cache, own_cache = tmp_path / "tiktoken", tmp_path / "own"
    tiktoken_cache.mkdir()
    own_cache.mkdir()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", os.fspath(tiktoken_cache))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: os.fspath(own_cache) if name == "headroom" else "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    return tiktoken_cache, own_cache


def test_nowhere(folders: tuple[Path, Path]) -> None:
    assert [path.parent for path in places(SMALL)] == list(folders)
    assert find(SMALL) is None


@pytest.mark.parametrize("which", [0, 1], ids=["tiktoken's cache", "our cache"])
def test_found_in_a_cache_folder(folders: tuple[Path, Path], which: int) -> None:
    (folders[which] / SMALL.url_sha1).write_bytes(b"YQ== 0\n")
    assert find(SMALL) == b"YQ== 0\n"


def test_a_changed_file_is_passed_over_and_left_alone(folders: tuple[Path, Path]) -> None:
    changed = folders[0] / SMALL.url_sha1
    changed.write_bytes(b"YQ== 1\n")
    assert find(SMALL) is None
    (folders[1] / SMALL.url_sha1).write_bytes(b"YQ== 0\n")
    assert find(SMALL) == b"YQ== 0\n"
    assert changed.read_bytes() == b"YQ== 1\n"


@pytest.mark.parametrize(
    ("package", "path", "data"),
    [
        ("bpe_openai", "data/o200k_base.tiktoken.gz", gzip.compress(b"YQ== 0\n")),
        ("litellm", f"litellm_core_utils/tokenizers/{SMALL.url_sha1}", b"YQ== 0\n"),
    ],
    ids=["bpe_openai", "litellm"],
)
@pytest.mark.usefixtures("folders")
def test_found_in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, path: str, data: bytes) -> None:
    file = tmp_path / package / path
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    spec = ModuleSpec(package, None, is_package=True)
    spec.submodule_search_locations = [os.fspath(tmp_path / package)]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec if name == package else None)
    assert find(SMALL) == b"YQ== 0\n"


@pytest.mark.parametrize("data", [b"", b"no gzip", gzip.compress(b"YQ== 0\n")[:-6], b"\x1f\x8b\x08\x00broken----"])
@pytest.mark.usefixtures("folders")
def test_a_broken_archive_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "o200k_base.tiktoken.gz").write_bytes(data)
    spec = ModuleSpec("bpe_openai", None, is_package=True)
    spec.submodule_search_locations = [os.fspath(tmp_path)]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec if name == "bpe_openai" else None)
    assert find(SMALL) is None


def test_the_installed_package_carries_the_real_one() -> None:
    data = find(O200K_BASE)
    assert data is not None
    assert len(data) == 3_613_922
    assert importlib.util.find_spec("bpe_openai") is not None


@pytest.mark.usefixtures("folders")
def test_without_a_vocabulary_the_counter_estimates() -> None:
    estimating = build_counter()
    assert not estimating.exact
    assert estimating.encoding == "o200k_base"
    assert estimating.count("hello world") > 0


@pytest.mark.parametrize(("kind", "exact"), [("installed", "True 2"), ("bare", "False 1")])
def test_nothing_is_asked_of_the_network(tmp_path: Path, kind: str, exact: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TIKTOKEN_CACHE_DIR"}
    environment |= {"HTTPS_PROXY": "http://127.0.0.1:9", "HOME": os.fspath(tmp_path), "XDG_CACHE_HOME": os.fspath(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run([sys.executable, "-c", NO_NETWORK, kind], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == (exact, 0), done.stderr
