"""How well a small instruct model reads our table beside plain JSON and other ways of writing the same records.

usage: PYTHON scripts/bench/reading.py MODEL.gguf [--measure DIR] [--rows N] [--questions N] [--json OUT]

Builds on `measure/reading.py` of the shared folder (default ../shared/measure): its records, questions and rules of what counts
as right. Needs llama-cpp-python and the project in one environment. Relative figures only: a model of this size is a harsh
reader.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from headroom_core.compressors.json_records import JsonRecords
from headroom_core.model import Ask, Rewritten
from headroom_core.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_FIELDS = ["total", "city", "status", "updated_at", "url"]
_PEERS = ["json", "csv", "constants", "prefix-keyed", "markdown"]
_MIN_ENDING = 4
_LONG = 12


def main() -> int:
    """Print for each form its tokens and how many questions were answered right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--measure", type=Path, default=_ROOT.parent / "shared" / "measure")
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    shared = _load(args.measure / "reading.py")
    reader = _Reader(args.model)
    records = shared.records(args.rows)
    chance = random.Random(9)
    asked = [(chance.choice(records), chance.choice(_FIELDS)) for _ in range(args.questions)]
    forms = {name: shared.FORMS[name](records) for name in _PEERS}
    forms["ours"] = _ours(records, aliases=True)
    forms["ours, no aliases"] = _ours(records, aliases=False)
    results = []
    for name, text in forms.items():
        right = sum(_is_right(reader.ask(text, f"What is the {field} of {one['order_id']}?"), str(one[field])) for one, field in asked)
        results.append({"form": name, "tokens": reader.tokens(text), "right": right, "of": len(asked)})
        print(f"{name:18} tokens {results[-1]['tokens']:5}  right {right}/{len(asked)}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))
    return 0


def _ours(records: list[dict[str, Any]], *, aliases: bool) -> str:
    settings = Settings(level="lossless", aliases=aliases)
    result = JsonRecords().compress(json.dumps({"results": records}), Ask(), settings, "id")
    if not isinstance(result, Rewritten):
        raise SystemExit(f"no form of ours: {result}")
    return result.text


def _is_right(answer: str, wanted: str) -> bool:
    """The shared rule: the value itself, or the distinguishing end of a long one."""
    bare = answer.strip("\"' .")
    return wanted in answer or (len(wanted) > _LONG and len(bare) >= _MIN_ENDING and wanted.endswith(bare))


class _Reader:
    def __init__(self, model: str) -> None:
        from llama_cpp import Llama  # noqa: PLC0415 - in no environment of the project's own

        self._model = Llama(model, n_ctx=8192, n_threads=2, verbose=False, seed=1, n_batch=512)

    def ask(self, context: str, question: str) -> str:
        prompt = (
            "<|im_start|>system\nYou answer questions about tool output. Answer with the exact value only.<|im_end|>\n"
            f"<|im_start|>user\nTool output:\n{context}\n\n{question}<|im_end|>\n<|im_start|>assistant\n"
        )
        answer = self._model(prompt, max_tokens=40, temperature=0, stop=["<|im_end|>", "\n"])
        return str(answer["choices"][0]["text"]).strip()

    def tokens(self, text: str) -> int:
        return len(self._model.tokenize(text.encode()))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_reading", path)
    if spec is None or spec.loader is None or not path.exists():
        raise SystemExit(f"{path} is not there; name the shared measure folder with --measure")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
