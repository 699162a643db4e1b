"""What can be wrong with a camera, in kinds that the supervisor acts on and words that a person acts on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wire.errors import BrambleError, ErrorCode


class FaultKind(StrEnum):
    """Why a camera gives no pictures; the kind decides how soon to try again."""

    REFUSED_USER = "refused_user"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    UNSUPPORTED = "unsupported"
    BAD_PICTURE = "bad_picture"
    NO_PERMISSION = "no_permission"
    READER_DIED = "reader_died"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one camera. Both texts are free of passwords."""

    kind: FaultKind
    message: str  # what happened, with the value
    remedy: str = ""  # what to do about it

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class CameraError(BrambleError):
    """Something about a camera that can be told to whoever asked."""


class BadSourceError(CameraError):
    """The text is not a camera URL of a known kind."""

    code = ErrorCode.BAD_REQUEST


class BadPictureError(CameraError):
    """The bytes are not one whole picture of an acceptable size."""

    code = ErrorCode.BAD_IMAGE


class FramingError(CameraError):
    """What the reader process sent is not a message: it runs amok or is not ours."""


class SourceFaultError(CameraError):
    """The source cannot be opened or read; carries the fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message, remedy=fault.remedy)
        self.fault = fault
