"""`headroom proxy`: mitmdump or mitmweb with the addon, on one port for proxy and base-URL clients."""

from __future__ import annotations

import click

from headroom_core.settings import Settings
from headroom_proxy.commands.setting_flags import settings_from
from headroom_proxy.options import PREFIX, default_text
from headroom_proxy.paths import addon_script


def _flags(command: click.Command) -> click.Command:
    for name, field in Settings.model_fields.items():
        flag = "--" + name.replace("_", "-")
        help_text = f"{field.description}. Default: {default_text(name)}."
        command.params.append(click.Option([flag, name], default="", metavar="VALUE", help=help_text))
    return command


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--host", "listen_host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--web", is_flag=True, help="With mitmweb's pages (on port 8081) in place of mitmdump's terminal log.")
@click.argument("mitmproxy_args", nargs=-1, type=click.UNPROCESSED)
def proxy(listen_host: str, port: int, web: bool, mitmproxy_args: tuple[str, ...], **texts: str) -> None:
    """Run the proxy. Arguments behind `--` go to mitmproxy, such as `-- --mode upstream:http://proxy.corp:3128`."""
    from mitmproxy.tools import main as tools  # noqa: PLC0415 - half a second that `--help` need not take

    settings_from(dict(texts))
    arguments = ["-s", str(addon_script()), "--listen-host", listen_host, "--listen-port", str(port)]
    arguments += ["--set", "connection_strategy=lazy"]
    for name, text in texts.items():
        if text:
            arguments += ["--set", f"{PREFIX}{name}={text}"]
    arguments += mitmproxy_args
    click.echo(f"Proxy and base URL: http://{listen_host}:{port} (CA: ~/.mitmproxy/mitmproxy-ca-cert.pem). End with Ctrl-C.", err=True)
    if web:
        tools.mitmweb(arguments)
    else:
        tools.mitmdump(arguments)


_flags(proxy)
