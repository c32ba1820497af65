"""`headroom demo`: a recorded real conversation through the real proxy, by the real SDKs, to an upstream on this machine.

Nothing here knows how the addon works: what was kept is read from what the upstream received, what was saved from the flow log,
what was cached from the upstream's own usage.
"""
