"""What an endpoint says when it does not answer: OpenAI's error format."""

from __future__ import annotations

from typing import Any

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


class Refusal(Exception):
    """A request that is not answered: an HTTP status, one sentence, and the setting it is about."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param

    def body(self) -> dict[str, Any]:
        """`{"error": {"message", "type", "param", "code"}}`."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def unsupported(name: str, why: str) -> Refusal:
    """The refusal of a setting that would have to be ignored otherwise."""
    return Refusal(400, f"'{name}' is not supported here: {why}", code="unsupported_parameter", param=name)


def invalid(name: str, wanted: str) -> Refusal:
    """The refusal of a setting whose value cannot be used."""
    return Refusal(400, f"'{name}' has to be {wanted}", code="invalid_value", param=name)
