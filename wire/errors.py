"""The errors that cross the network: one code each, what happened, and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta


class ErrorCode(StrEnum):
    """Every code that an error reply can carry; programs may branch on these and on nothing else."""

    BAD_REQUEST = "bad_request"
    BAD_IMAGE = "bad_image"
    TOO_LARGE = "too_large"
    INVALID_TENSOR = "invalid_tensor"
    UNKNOWN_MODEL = "unknown_model"
    NO_CAPACITY = "no_capacity"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    MODEL_REJECTED = "model_rejected"
    NOT_AUTHORISED = "not_authorised"
    INTERNAL = "internal"


class ErrorBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an error reply says. ``retry_after_ms`` is there where to ask again later makes sense, and from when on."""

    code: ErrorCode
    message: str
    remedy: str = ""
    retry_after_ms: Annotated[int, Meta(ge=0, le=3_600_000)] | msgspec.UnsetType = msgspec.UNSET


class ErrorReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of an error reply: ``{"error": {"code", "message", "remedy", "retry_after_ms"?}}``."""

    error: ErrorBody


class BrambleError(Exception):
    """Something went wrong and can be told to whoever asked."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL

    def __init__(self, message: str, *, remedy: str = "", node: str = "", retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.retry_after_ms = retry_after_ms  # from when on to ask again makes sense; None: it does not by itself
        self.node = node  # where it happened, as far as known; stays in the cluster

    @property
    def body(self) -> ErrorBody:
        """The error as it crosses the network."""
        later = msgspec.UNSET if self.retry_after_ms is None else self.retry_after_ms
        return ErrorBody(code=self.code, message=self.message, remedy=self.remedy, retry_after_ms=later)

    def to_json(self) -> bytes:
        """The error reply, as JSON bytes."""
        return msgspec.json.encode(ErrorReply(error=self.body))


class BadRequestError(BrambleError):
    """The request itself is malformed: a header, a name or a message."""

    code = ErrorCode.BAD_REQUEST


class BadImageError(BrambleError):
    """The payload is not a whole picture of a known format."""

    code = ErrorCode.BAD_IMAGE


class TooLargeError(BrambleError):
    """The payload, or the picture it claims to hold, is above a limit."""

    code = ErrorCode.TOO_LARGE


class InvalidTensorError(BrambleError):
    """A tensor is malformed, of the wrong shape, or not finite."""

    code = ErrorCode.INVALID_TENSOR


class UnknownModelError(BrambleError):
    """No model of that name is configured."""

    code = ErrorCode.UNKNOWN_MODEL


class NoCapacityError(BrambleError):
    """No node could take the work in time."""

    code = ErrorCode.NO_CAPACITY


class DeadlineExceededError(BrambleError):
    """The work was taken but no answer came in time."""

    code = ErrorCode.DEADLINE_EXCEEDED


class ModelRejectedError(BrambleError):
    """A model failed its digest, its load, or its known answer."""

    code = ErrorCode.MODEL_REJECTED


class NotAuthorisedError(BrambleError):
    """The server refused the user or the subject."""

    code = ErrorCode.NOT_AUTHORISED


class InternalError(BrambleError):
    """A fault of ours."""

    code = ErrorCode.INTERNAL


class BusError(BrambleError):
    """The broker could not be reached or did not do its part."""


class NoRespondersError(BusError):
    """Nobody listens on the subject: the server says so at once."""

    code = ErrorCode.NO_CAPACITY


class AnswerTimeoutError(BusError):
    """Nobody answered within the time given."""

    code = ErrorCode.DEADLINE_EXCEEDED


_BY_CODE: dict[ErrorCode, type[BrambleError]] = {
    kind.code: kind
    for kind in (
        BadRequestError,
        BadImageError,
        TooLargeError,
        InvalidTensorError,
        UnknownModelError,
        NoCapacityError,
        DeadlineExceededError,
        ModelRejectedError,
        NotAuthorisedError,
        InternalError,
    )
}

_decoder = msgspec.json.Decoder(ErrorReply)


def error_from_body(body: ErrorBody) -> BrambleError:
    """Rebuild the exception that a body stands for."""
    later = body.retry_after_ms
    return _BY_CODE[body.code](
        body.message, remedy=body.remedy, retry_after_ms=None if isinstance(later, msgspec.UnsetType) else later
    )


def error_from_json(data: bytes) -> BrambleError | None:
    """Read an error reply; None when the bytes are anything else."""
    try:
        return error_from_body(_decoder.decode(data).error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
