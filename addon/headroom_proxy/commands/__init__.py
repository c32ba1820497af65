"""The sub-commands of `headroom`, one file a group of them."""
