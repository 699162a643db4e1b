"""What the dashboard can ask the cluster to do."""

from __future__ import annotations

from dataclasses import dataclass

from wire.cameras import CameraConfig


@dataclass(frozen=True, slots=True)
class Drain:
    """Let a node finish what it holds and give it nothing new."""

    node: str

    def __str__(self) -> str:
        return f"Drain {self.node}? It finishes what it holds and gets no new frames."


@dataclass(frozen=True, slots=True)
class Undrain:
    """Give a node work again."""

    node: str

    def __str__(self) -> str:
        return f"Give {self.node} work again?"


@dataclass(frozen=True, slots=True)
class AddCamera:
    """Add a camera, or change the one of that name. The URL may hold a password and is never shown."""

    config: CameraConfig

    def __str__(self) -> str:
        return f"Add the camera {self.config.camera}?"


@dataclass(frozen=True, slots=True)
class RemoveCamera:
    """Remove a camera, once the last of its frames has found its end."""

    camera: str

    def __str__(self) -> str:
        return f"Remove the camera {self.camera}? Nobody will look through it until it is added again."


Action = Drain | Undrain | AddCamera | RemoveCamera
"""``str(action)`` is the question that a person confirms."""
