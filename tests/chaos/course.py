"""What a run is to be like: how long, how large, how busy, and which faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.chaos.schedule import Fault

CAMERAS = ("door", "yard")
Clock = Callable[[], float]  # seconds from the start of the run


@dataclass(frozen=True, slots=True)
class Pace:
    """How busy the cluster is kept; times in seconds between one and the next."""

    camera_fps: float = 5
    ask_every_s: float = 0.15
    submit_every_s: float = 0.15
    look_every_s: float = 1.0  # at the controllers' ledgers
    change_every_s: float = 5.0  # of the configuration


@dataclass(frozen=True, slots=True)
class Course:
    """A run. ``choose`` gets the names of agents and controllers and returns the faults in order of time."""

    seed: int
    seconds: float  # 0: until some calm after the last fault
    choose: Callable[[Sequence[str], Sequence[str]], Sequence[Fault]]
    nodes: int = 4
    controllers: int = 2
    pace: Pace = Pace()
    models: tuple[str, ...] = ()  # none: all that are known
    guests: bool = False  # an agent and a controller more, whose way to the server can be cut
    tapped: bool = False  # every frame on its way is taken down

    @property
    def all_nodes(self) -> int:
        """How many agents run, guests included."""
        return self.nodes + self.guests

    @property
    def all_controllers(self) -> int:
        """How many controllers run, guests included."""
        return self.controllers + self.guests
