"""Which claims are left over."""

from __future__ import annotations

from controller.leases.claims import CAMERA, TASK, Claim
from controller.leases.leftovers import KEPT_S, Leftovers
from wire.leases import ClaimRecord

DOOR = Claim(CAMERA, "door", ClaimRecord(), 7)
YARD = Claim(CAMERA, "yard", ClaimRecord(), 8)
PLANNER = Claim(TASK, "planner", ClaimRecord(), 9)


def test_a_claim_on_a_camera_that_is_no_more_goes_after_a_while() -> None:
    leftovers = Leftovers()
    assert leftovers.find([DOOR, YARD, PLANNER], {"yard"}, 0.0) == []
    assert leftovers.find([DOOR, YARD, PLANNER], {"yard"}, KEPT_S - 1) == []
    assert leftovers.find([DOOR, YARD, PLANNER], {"yard"}, KEPT_S) == [DOOR]


def test_a_camera_that_comes_back_meanwhile_keeps_its_claim() -> None:
    leftovers = Leftovers()
    leftovers.find([DOOR], set(), 0.0)
    leftovers.find([DOOR], {"door"}, KEPT_S / 2)
    assert leftovers.find([DOOR], set(), KEPT_S) == []


def test_a_claim_that_somebody_has_meanwhile_is_kept() -> None:
    leftovers = Leftovers()
    leftovers.find([DOOR], set(), 0.0)
    leftovers.find([], set(), KEPT_S / 2)
    assert leftovers.find([DOOR], set(), KEPT_S) == []
