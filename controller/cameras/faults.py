"""FFmpeg's errors in words, with what to do about each. Its own texts hold the URL and are never shown."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from urllib.parse import urlsplit

import av.error

from controller.cameras.errors import Fault, FaultKind
from controller.cameras.source import NETWORK_KINDS, Source

_LOCAL_FORMATS = "use a video file such as MP4 or Matroska"
_NETWORK_FORMATS = "check the stream's path, and set the camera to H.264 or MJPEG"


@dataclass(frozen=True, slots=True)
class _Explanation:
    """One row of the table below; ``message`` holds ``{where}`` and ``{doing}``."""

    kind: FaultKind
    message: str
    remedy: str


# The first row whose classes match is taken.
_BY_CLASS: tuple[tuple[tuple[type[av.error.FFmpegError], ...], _Explanation], ...] = (
    (
        (av.error.HTTPUnauthorizedError,),
        _Explanation(
            FaultKind.REFUSED_USER,
            "{where} refused the user name or password (401)",
            "put the right ones into the URL, with @ : / # in a password written as %40 %3A %2F %23",
        ),
    ),
    (
        (av.error.HTTPForbiddenError,),
        _Explanation(
            FaultKind.REFUSED_USER, "{where} forbids this user the stream (403)", "give the user the right to view"
        ),
    ),
    (
        (av.error.HTTPNotFoundError,),
        _Explanation(
            FaultKind.NOT_FOUND, "{where} has no such stream (404)", "look up the stream's path in the camera's manual"
        ),
    ),
    (
        (av.error.HTTPTooManyRequestsError,),
        _Explanation(FaultKind.UNREACHABLE, "{where} has too many viewers (429)", "close other viewers"),
    ),
    (
        (av.error.HTTPError,),
        _Explanation(FaultKind.UNREACHABLE, "{where} answered with an HTTP or RTSP error", "look at the camera's log"),
    ),
    (
        (av.error.ConnectionRefusedError,),
        _Explanation(
            FaultKind.UNREACHABLE,
            "{where} refused the connection: nothing listens there",
            "check that the camera is on, and its port",
        ),
    ),
    (
        (av.error.ExitError, av.error.TimeoutError),  # ExitError is PyAV's own time-out
        _Explanation(
            FaultKind.TIMEOUT,
            "{where} did not answer in time while {doing}",
            "check that the camera is on, its cable or Wi-Fi, and any firewall between",
        ),
    ),
    (
        (av.error.ConnectionResetError, av.error.BrokenPipeError, av.error.EOFError),
        _Explanation(
            FaultKind.CLOSED, "{where} closed the connection while {doing}", "the camera may be restarting: wait"
        ),
    ),
    (
        (av.error.FileNotFoundError,),
        _Explanation(FaultKind.NOT_FOUND, "there is no {where}", "check the path on the controller's machine"),
    ),
    (
        (av.error.PermissionError,),
        _Explanation(
            FaultKind.NO_PERMISSION, "the controller may not read {where}", "let the controller's user read it"
        ),
    ),
    (
        (av.error.DecoderNotFoundError, av.error.PatchWelcomeError),
        _Explanation(FaultKind.UNSUPPORTED, "{where} has a codec that is not known", "set the camera to H.264"),
    ),
)
_UNREADABLE = (av.error.InvalidDataError, av.error.DemuxerNotFoundError, av.error.ProtocolNotFoundError)
_NO_ROUTE = _Explanation(
    FaultKind.UNREACHABLE, "there is no route to {where}", "check the address and this machine's network"
)
_BY_ERRNO = {
    errno.EHOSTUNREACH: _NO_ROUTE,
    errno.ENETUNREACH: _NO_ROUTE,
    errno.ENETDOWN: _NO_ROUTE,
    errno.EBUSY: _Explanation(FaultKind.UNREACHABLE, "{where} is in use", "stop the other program that reads it"),
    errno.ENOTTY: _Explanation(
        FaultKind.UNSUPPORTED, "{where} is no camera", "look for yours with `v4l2-ctl --list-devices`"
    ),
    errno.ENODEV: _Explanation(FaultKind.CLOSED, "{where} was unplugged", "plug the camera in again"),
}


def explain_error(error: av.error.FFmpegError, source: Source, doing: str) -> Fault:
    """Turn an error of FFmpeg into a fault.

    Args:
        error: what PyAV raised.
        source: whose error it is.
        doing: what was being done, as in ``opening`` or ``reading``.

    """
    row = next((row for classes, row in _BY_CLASS if isinstance(error, classes)), None)
    row = row or _BY_ERRNO.get(error.errno or 0)
    if row is None and isinstance(error, _UNREADABLE):
        remedy = _NETWORK_FORMATS if source.kind in NETWORK_KINDS else _LOCAL_FORMATS
        row = _Explanation(FaultKind.UNSUPPORTED, "{where} gives no video that can be read", remedy)
    if row is None:
        words = error.strerror or type(error).__name__
        row = _Explanation(FaultKind.UNREACHABLE, f"{{where}} failed while {{doing}}: {words}", "try the source in VLC")
    return Fault(row.kind, row.message.replace("{where}", _where(source)).replace("{doing}", doing), row.remedy)


def closed_fault(source: Source) -> Fault:
    """A live source that ends: FFmpeg raises nothing when a camera goes away."""
    return Fault(FaultKind.CLOSED, f"{_where(source)} ended the stream", "the camera may be restarting")


def no_video_fault(source: Source) -> Fault:
    """The source opened but holds no video, or none that decodes."""
    return Fault(FaultKind.UNSUPPORTED, f"{_where(source)} holds no video that can be decoded", "choose another stream")


def _where(source: Source) -> str:
    if source.kind not in NETWORK_KINDS:
        return source.target
    parts = urlsplit(source.target)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port}" if parts.port else str(host)
