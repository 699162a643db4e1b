"""A dashboard that fails leaves no password on the terminal."""

from __future__ import annotations

import subprocess
import sys

SECRET = "T0P-S3CRET"
PROGRAM = """
import sys
from tui.app import TopApp

def fail(app):
    typed_in = sys.argv[1]
    raise ValueError("cannot open rtsp://admin:" + typed_in + "@cam/1")

TopApp.on_mount = fail
TopApp(lambda: None).run(headless=True)
"""


def test_a_dashboard_that_fails_says_where_and_shows_no_password() -> None:
    command = [sys.executable, "-c", PROGRAM, SECRET]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert "in fail" in done.stderr
    assert "ValueError: cannot open rtsp://***@cam/1" in done.stderr
    assert SECRET not in done.stdout + done.stderr
