from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.frame_path.meter import Meter, read_sum, read_workers
from benchmarks.harness.processes import CpuMeter, cpu_seconds, memory_bytes


def test_another_process_time_is_read_as_it_counts_itself() -> None:
    code = "import time\nwhile time.process_time() < 0.2: pass\nprint(time.process_time(), flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        own = float(process.stdout.readline())
        assert own <= cpu_seconds(process.pid) < own + 0.1
        process.stdin.close()


def test_a_process_that_is_gone_has_no_time() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(ProcessLookupError):
        cpu_seconds(process.pid)


def test_what_an_ended_child_spent_stays_counted() -> None:
    meter = CpuMeter()
    before = meter.read()
    code = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        during = meter.read()
        process.stdin.close()
    assert during - before >= 0.3
    assert meter.read() >= during


def test_memory_is_that_of_the_whole_tree() -> None:
    alone = memory_bytes(os.getpid())
    code = "held = bytearray(50 << 20)\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        assert memory_bytes(os.getpid()) > alone + (50 << 20) * 0.9
        process.stdin.close()


def test_a_meter_counts_the_time_of_its_own_thread_and_whole_frames(tmp_path: Path) -> None:
    meter = Meter(tmp_path)

    def burn() -> None:
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass

    threads = [threading.Thread(target=meter.time, args=(burn,), kwargs={"ends": ends}) for ends in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_sum(tmp_path)
    assert found.frames == 1
    assert 0.04 <= found.cpu_s < 0.06
    assert found.wall_s >= 0.04
    assert list(read_workers(tmp_path)) == [os.getpid()]
