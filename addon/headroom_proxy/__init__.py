"""The shell around mitmproxy: hooks, flows, streams. It knows no compression."""
