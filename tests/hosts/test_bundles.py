"""What nodes are given: built once for each kind of node, named by all that goes into it, kept while it is used."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hosts.conftest import ROOT
from tests.hosts.role_files import load_file

bundle = load_file("roles/release/files/build_bundle.py")


@pytest.mark.parametrize("text", ["armv7l-cp311-agent", "aarch64-cp311-", "aarch64-cp311-cook", "x86_64-agent", ""])
def test_a_kind_of_node_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(bundle.BundleError, match="is no target"):
        bundle.parse_target(text)


@given(
    machine=st.sampled_from(["aarch64", "x86_64"]),
    minor=st.integers(11, 14),
    parts=st.sets(st.sampled_from(["agent", "broker", "controller"]), min_size=1),
)
def test_a_kind_of_node_reads_back_as_it_was_written(machine: str, minor: int, parts: set[str]) -> None:
    target = bundle.Target(machine, (3, minor), tuple(sorted(parts)))

    assert bundle.parse_target(target.name) == target


@given(st.text())
def test_any_text_is_a_kind_of_node_or_refused(text: str) -> None:
    with contextlib.suppress(bundle.BundleError):
        assert set(bundle.parse_target(text).components) <= set(bundle.COMPONENTS)


def test_markers_are_held_against_the_nodes_python_and_not_this_one() -> None:
    lock = (
        "av==18.1.0 ; python_full_version < '3.12' and sys_platform == 'linux' \\\n    --hash=sha256:aa\n"
        "av==19.0.2 ; python_full_version >= '3.12' and sys_platform == 'linux' \\\n    --hash=sha256:bb\n"
    )

    assert bundle.select_requirements(lock, bundle.parse_target("aarch64-cp311-agent")) == {
        "av==18.1.0": "--hash=sha256:aa"
    }
    assert bundle.select_requirements(lock, bundle.parse_target("aarch64-cp313-agent")) == {
        "av==19.0.2": "--hash=sha256:bb"
    }


def test_a_requirement_without_a_hash_is_refused() -> None:
    with pytest.raises(bundle.BundleError, match="no hash"):
        bundle.select_requirements("numpy==2.4.6\n", bundle.parse_target("aarch64-cp311-agent"))


def test_a_wheel_is_fetched_once_for_all_kinds_of_node(tmp_path: Path) -> None:
    agent, broker = tmp_path / "x86_64-cp311-agent-1", tmp_path / "half"
    agent.mkdir()
    broker.mkdir()
    (agent / "fetched.lock").write_text("nats-py==2.16.0 --hash=sha256:aa\npip==26.3 --hash=sha256:bb\n")
    for name in ("nats_py-2.16.0-py3-none-any.whl", "pip-26.3-py3-none-any.whl"):
        (agent / name).write_text(name)
    (tmp_path / "x86_64-cp313-agent-1").mkdir()
    wanted = ["nats-py==2.16.0 --hash=sha256:aa", "pip==26.3 --hash=sha256:other", "av==18.1.0 --hash=sha256:cc"]

    siblings = bundle.list_siblings(tmp_path, bundle.parse_target("x86_64-cp311-agent+broker"))
    missing = bundle.share_wheels(wanted, siblings, broker)

    assert siblings == [agent]
    assert missing == wanted[1:]
    assert [path.name for path in broker.iterdir()] == ["nats_py-2.16.0-py3-none-any.whl"]


def test_a_release_is_named_by_all_that_goes_into_it() -> None:
    one = bundle.digest_release("0.1.0", [("a", b"x"), ("b", b"y")])

    assert one == bundle.digest_release("0.1.0", [("b", b"y"), ("a", b"x")])
    others = [bundle.digest_release("0.1.0", files) for files in ([("a", b"xb"), ("", b"y")], [("a", b"x")])]
    assert len({one, *others}) == 3


def test_packing_the_same_files_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    wheels = [tmp_path / "b.whl", tmp_path / "a.whl"]
    for wheel in wheels:
        wheel.write_bytes(b"wheel")

    bundle.pack({"bundle.json": b"{}"}, wheels, tmp_path / "one.tar")
    wheels[0].touch()
    bundle.pack({"bundle.json": b"{}"}, reversed(wheels), tmp_path / "two.tar")

    digests = {hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("one.tar", "two.tar")}
    assert len(digests) == 1


@given(times=st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), st.floats(0, 10)))
def test_of_each_kind_the_last_used_bundles_stay(times: dict[tuple[str, int], float]) -> None:
    found = {f"{kind}-{digest}": used for (kind, digest), used in times.items()}

    gone = bundle.list_superfluous(found.items(), ())

    for kind in "ab":
        names = {name for name in found if name.startswith(kind)}
        stay = names - set(gone)
        assert len(stay) == min(len(names), bundle.KEPT)
        assert all(found[one] >= found[other] for one in stay for other in names & set(gone))


def test_a_bundle_in_use_stays_however_old_it_is() -> None:
    found = [(f"a-{number}", float(number)) for number in range(9)]

    assert "a-0" not in bundle.list_superfluous(found, ["a-0"])


def test_a_bundle_that_would_write_elsewhere_is_refused(tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    command = [sys.executable, str(ROOT / "roles/release/files/install_bundle.py"), str(evil), str(tmp_path / "to")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "no plain file inside it" in done.stderr
    assert not (tmp_path.parent / "outside").exists()
