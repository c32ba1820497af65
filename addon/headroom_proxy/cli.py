"""The `headroom` command. Sub-commands are imported when they are called: `headroom compress` needs no mitmproxy."""

from __future__ import annotations

import importlib

import click

from headroom_core import __version__

# Name, module, help line: shown without importing the module.
_COMMANDS = {
    "compress": ("headroom_proxy.commands.compress", "Rewrite one request body from standard input."),
    "demo": ("headroom_proxy.commands.demo", "Show the whole way on recorded real data, without key or network."),
    "get": ("headroom_proxy.commands.log", "Print an original that an omission line names."),
    "log": ("headroom_proxy.commands.log", "List the latest requests."),
    "proxy": ("headroom_proxy.commands.proxy", "Run the proxy: mitmdump (or mitmweb) with the addon."),
    "show": ("headroom_proxy.commands.log", "Show one request: each tool output before and after."),
    "stats": ("headroom_proxy.commands.log", "Sum up what was saved and billed, and why things were left alone."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(_COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in sorted(_COMMANDS.items())])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headroom")
def main() -> None:
    """Fewer tokens for the tool outputs of AI agents, through mitmproxy."""
