"""Which tool outputs are files as they stand on disk.

An agent must find a file's lines again, to the byte, to edit them: such an output is neither chosen from nor respelled.
"""

from __future__ import annotations

import re

from headroom_core.model import Ask

_READERS = frozenset(
    """
    read readfile read_file readmanyfiles read_many_files readtextfile read_text_file read_multiple_files view viewfile view_file
    open openfile open_file cat get_file_contents getfilecontents str_replace_editor str_replace_based_edit_tool texteditor
    text_editor edit_file notebookread
    """.split()  # noqa: SIM905 - a block of names reads better than a list of strings
)
# A command that only prints one file, and not one of data.
_SHELL = re.compile(
    r"\b(?:cat|head|tail|sed -n|nl|less|bat)\s+[^|;&<>]*"
    r"\.(?!json\b|jsonl\b|ndjson\b|csv\b|tsv\b|log\b)[A-Za-z0-9]{1,8}[\"'\s\\]*(?:\"?\}|$)"
)
_SHELLS = {"bash", "shell", "sh", "run_command", "execute_command", "run_shell_command", "run_in_terminal", "local_shell", "exec"}


def is_file_read(ask: Ask) -> bool:
    """Whether the call shows a file: by a reader's name, or a shell's command that only prints one."""
    name = ask.tool.rpartition("__")[2].lower().replace("-", "_")
    if name in _READERS:
        return True
    return name in _SHELLS and _SHELL.search(ask.arguments) is not None
