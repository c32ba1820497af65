"""Exceptions, by whose fault: the user's settings, the outside's input. "Not done" is no exception but a `Skipped`."""

from __future__ import annotations


class HeadroomError(Exception):
    """Base of all exceptions that this program raises on purpose."""


class SettingsError(HeadroomError):
    """A setting has a value that it can't have. The message is one line and names the setting."""


class RequestFormatError(HeadroomError):
    """A body is not what the provider's API accepts; `reason` is a `model.Reason` value."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class StoreError(HeadroomError):
    """The flow log or the content store can't be opened, read or written."""
