"""A test camera: RTSP with RTP interleaved over TCP (RFC 2326, RFC 6184), with a login and with faults.

It stands in for hardware only; what reads it is the product, through the real FFmpeg.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import re
import struct
import time
from types import TracebackType
from typing import Literal, Self

from tests.cameras_testing.clip import H264Clip, split_annex_b

Behaviour = Literal["play", "stop", "mute", "garbage"]

_NONCE = "5f2a9c0d"
_REALM = "test camera"
_DIGEST_CHALLENGE = f'Digest realm="{_REALM}", nonce="{_NONCE}"'
_PACKET = 1400


class RtspCamera:
    """Plays a clip in a loop to whoever asks. Faults are switched while it runs."""

    def __init__(
        self,
        clip: H264Clip,
        *,
        user: str = "",
        password: str = "",
        scheme: Literal["digest", "basic"] = "digest",
        path: str = "/stream",
    ) -> None:
        self._clip = clip
        self._user = user
        self._password = password
        self._scheme = scheme
        self._path = path
        self._server: asyncio.Server | None = None
        self._viewers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0
        self.behaviour: Behaviour = "play"
        self.answers = True  # False: connections are accepted and nothing is ever said
        self.refusals = 0  # requests answered with 401
        self.viewers = 0  # PLAY requests so far

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}{self._path}"

    def url_for(self, user: str, password: str) -> str:
        return f"rtsp://{user}:{password}@127.0.0.1:{self.port}{self._path}"

    def show(self, clip: H264Clip) -> None:
        """Go on with another clip, also to who is watching: an encoder that was set to another size."""
        self._clip = clip

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    async def start(self) -> None:
        """Listen, after a kill on the same port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """Power off: the port refuses, every connection is gone."""
        if self._server is None:
            return
        self._server.close()
        for task, writer in tuple(self._viewers.items()):
            writer.transport.abort()
            task.cancel()
        if self._viewers:
            await asyncio.wait(tuple(self._viewers))
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own, because asyncio's logs an error when it is cancelled.
        task = asyncio.create_task(self._serve(reader, writer))
        self._viewers[task] = writer
        task.add_done_callback(self._viewers.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        playing: asyncio.Task[None] | None = None
        try:
            while request := await _read_request(reader):
                if not self.answers:
                    await reader.read()  # until the other side gives up
                    return
                verb, target, headers = request
                status, extra, body = self._answer(verb, target, headers)
                lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}", *extra]
                if body:
                    lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
                if verb == "PLAY" and status.startswith("200"):
                    self.viewers += 1
                    playing = asyncio.create_task(self._play(writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            if playing is not None:
                playing.cancel()
                await asyncio.wait({playing})
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, verb: str, target: str, headers: dict[str, str]) -> tuple[str, list[str], bytes]:
        if verb == "OPTIONS":
            return "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"], b""
        if not self._is_authorised(verb, headers.get("authorization", "")):
            self.refusals += 1
            challenge = f'Basic realm="{_REALM}"' if self._scheme == "basic" else _DIGEST_CHALLENGE
            return "401 Unauthorized", [f"WWW-Authenticate: {challenge}"], b""
        if verb == "DESCRIBE" and target.endswith(self._path):
            return "200 OK", [f"Content-Base: {self.url}/"], self._describe()
        if verb == "DESCRIBE":
            return "404 Not Found", [], b""
        transport = ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1"] if verb == "SETUP" else []
        return "200 OK", [*transport, "Session: 1;timeout=60"], b""

    def _is_authorised(self, verb: str, header: str) -> bool:
        if not self._user:
            return True
        if self._scheme == "basic":
            wanted = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
            return header == f"Basic {wanted}"
        given = dict(re.findall(r'(\w+)="([^"]*)"', header))
        first = hashlib.md5(f"{self._user}:{_REALM}:{self._password}".encode()).hexdigest()  # noqa: S324 - RFC 2617
        second = hashlib.md5(f"{verb}:{given.get('uri', '')}".encode()).hexdigest()  # noqa: S324 - RFC 2617
        wanted = hashlib.md5(f"{first}:{_NONCE}:{second}".encode()).hexdigest()  # noqa: S324 - RFC 2617
        return given.get("username") == self._user and given.get("response") == wanted

    def _describe(self) -> bytes:
        sets = ",".join(base64.b64encode(nal).decode() for nal in self._clip.parameter_sets)
        lines = (
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=test",
            "t=0 0",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            f"a=framerate:{self._clip.fps}",
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}",
            "a=control:track1",
        )
        return ("\r\n".join(lines) + "\r\n").encode()

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        sequence = itertools.count()
        started = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, started + number / self._clip.fps - time.monotonic()))
            if self.behaviour == "stop":
                continue
            if self.behaviour == "mute":  # a sender report, nothing else: the socket is never silent
                report = struct.pack("!BBHIIIIII", 0x80, 200, 6, 1, 0, 0, 0, 0, 0)
                writer.write(struct.pack("!cBH", b"$", 1, len(report)) + report)
                continue
            unit = self._clip.access_units[number % len(self._clip.access_units)]
            nals = split_annex_b(unit)
            if self.behaviour == "garbage":
                nals = [bytes([nal[0]]) + bytes((byte * 7 + number) & 0xFF for byte in nal[1:]) for nal in nals]
            timestamp = number * 90_000 // self._clip.fps & 0xFFFFFFFF
            for index, nal in enumerate(nals):
                for packet, last in _packetise(nal):
                    marker = 0x80 if last and index == len(nals) - 1 else 0
                    header = struct.pack("!BBHII", 0x80, marker | 96, next(sequence) & 0xFFFF, timestamp, 1)
                    writer.write(struct.pack("!cBH", b"$", 0, len(header) + len(packet)) + header + packet)
            await writer.drain()


def _packetise(nal: bytes) -> list[tuple[bytes, bool]]:
    """Single NAL unit packets and FU-A (RFC 6184, 5.6 and 5.8), each with whether it is the NAL's last."""
    if len(nal) <= _PACKET:
        return [(nal, True)]
    indicator, kind = (nal[0] & 0xE0) | 28, nal[0] & 0x1F
    pieces = [nal[start : start + _PACKET] for start in range(1, len(nal), _PACKET)]
    packets = []
    for index, piece in enumerate(pieces):
        last = index == len(pieces) - 1
        packets.append((bytes([indicator, (0x80 if index == 0 else 0) | (0x40 if last else 0) | kind]) + piece, last))
    return packets


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    """The next request, skipping what the viewer sends interleaved (RTCP); None at the end."""
    while True:
        first = await reader.read(1)
        if not first:
            return None
        if first == b"$":
            _, size = struct.unpack("!BH", await reader.readexactly(3))
            await reader.readexactly(size)
            continue
        lines = (first + await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        verb, target, _ = lines[0].split(" ", 2)
        pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
        return verb, target, {key.strip().lower(): value.strip() for key, value in pairs}
