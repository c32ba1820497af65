"""A local stand-in for the providers: real TLS, real HTTP/1.1 and HTTP/2, real wire shapes, no model behind it.

The demo and the end-to-end tests put it behind the real proxy:

    with LocalUpstream(["api.anthropic.com", "api.openai.com"], directory) as upstream:
        mitmdump --mode upstream:{upstream.proxy_url} --set ssl_verify_upstream_trusted_ca={upstream.ca_file}

Names are never resolved: a CONNECT proxy tunnels every host to the one TLS server, so that host names, SNI and certificate
checks are those of real traffic.
"""

from headroom_proxy.local_upstream.conversation import Asked, Call, Reply, Say
from headroom_proxy.local_upstream.model import CUT, Answer, Piece, Received
from headroom_proxy.local_upstream.providers import Providers
from headroom_proxy.local_upstream.script import Script
from headroom_proxy.local_upstream.server import LocalUpstream

__all__ = ["CUT", "Answer", "Asked", "Call", "LocalUpstream", "Piece", "Providers", "Received", "Reply", "Say", "Script"]
