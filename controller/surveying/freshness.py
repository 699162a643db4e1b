"""When what was measured has to be measured again. Pure; times in Unix seconds."""

from __future__ import annotations

from wire.messages import Heartbeat
from wire.profiles import LinkProfile, Profile

PROFILE_S = 7 * 86_400.0
LINK_S = 3_600.0


def is_profile_fresh(profile: Profile, beat: Heartbeat, at: tuple[int, ...], now: float) -> bool:
    """Tell whether a profile still holds: of these cuts and threads, not old, and not from before the agent's start.

    An agent that starts again may have got another runtime, cooling or host.
    """
    started = beat.at - beat.uptime_s  # by the node's clock, as the profile's time is
    return (
        profile.at == at
        and (profile.declared or profile.threads == beat.threads)
        and started <= profile.measured_at
        and now - profile.measured_at < PROFILE_S
    )


def is_link_fresh(link: LinkProfile, now: float) -> bool:
    """Tell whether a link's times still hold."""
    return now - link.measured_at < LINK_S
