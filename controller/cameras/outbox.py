"""The reader's way out: notices in order, and one slot for the newest picture, sent when the parent has room."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from controller.cameras.errors import BadPictureError, SourceFaultError
from controller.cameras.faults import Fault, FaultKind
from controller.cameras.framing import Message, PictureSent, Superseded, encode_message
from controller.cameras.pictures import Picture
