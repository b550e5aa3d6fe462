"""What is told to the service manager, over real sockets."""

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.notify import Notifier, watchdog_interval


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a socket as NOTIFY_SOCKET does."""
    return str(tmp_path / "notify") if request.param == "path" else f"@walletsync-test-{uuid.uuid4()}"


@pytest.fixture
def manager(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.setblocking(False)
        yield listening


def received(manager: socket.socket) -> list[str]:
    return manager.recv(10_000).decode().split("\n")


def test_every_message_arrives_as_systemd_reads_it(address: str, manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address}, monotonic_ns=lambda: 1_234_567_890)
    notifier.ready("in step with 2 servers")
    assert received(manager) == ["READY=1", "STATUS=in step with 2 servers"]
    notifier.status("syncing with file:///x/")
    assert received(manager) == ["STATUS=syncing with file:///x/"]
    notifier.feed_watchdog()
    assert received(manager) == ["WATCHDOG=1"]
    notifier.reloading()
    assert received(manager) == ["RELOADING=1", "MONOTONIC_USEC=1234567"]
    notifier.stopping("asked to")
    assert received(manager) == ["STOPPING=1", "STATUS=asked to"]


def test_the_time_of_a_reload_is_the_kernels_monotonic_clock(address: str, manager: socket.socket) -> None:
    Notifier({"NOTIFY_SOCKET": address}).reloading()
    told = int(received(manager)[1].removeprefix("MONOTONIC_USEC="))
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert 0 <= told <= (uptime + 1) * 1_000_000


def test_a_status_stays_one_line(address: str, manager: socket.socket) -> None:
    Notifier({"NOTIFY_SOCKET": address}).status("first\nWATCHDOG=1\r\n  last \udcff")
    assert received(manager) == ["STATUS=first WATCHDOG=1 last ?"]


def test_without_a_service_manager_no_socket_is_opened() -> None:
    def refuse() -> socket.socket:
        raise AssertionError("a socket was opened")

    notifier = Notifier({}, open_socket=refuse)
    notifier.ready("ready")
    notifier.feed_watchdog()


def test_a_manager_that_is_gone_is_logged_once_at_debug(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    with capture_logs() as captured:
        notifier.ready("ready")
        notifier.feed_watchdog()
        notifier.stopping("ends")
    assert captured == [
        {"event": "notify.failed", "log_level": "debug", "message": f"{tmp_path}/gone: No such file or directory"}
    ]


@pytest.mark.parametrize("address", ["/" + "x" * 200, "vsock:2:1234", "@"])
def test_an_address_that_cannot_be_reached_is_no_error(address: str) -> None:
    with capture_logs() as captured:
        Notifier({"NOTIFY_SOCKET": address}).ready("ready")
    assert [line["event"] for line in captured] == ["notify.failed"]


def test_a_process_out_of_sockets_is_no_error() -> None:
    def fail() -> socket.socket:
        raise OSError(24, "Too many open files")

    with capture_logs() as captured:
        Notifier({"NOTIFY_SOCKET": "/run/notify"}, open_socket=fail).feed_watchdog()
    assert [line["message"] for line in captured] == ["/run/notify: Too many open files"]


def test_a_manager_that_does_not_read_stalls_nobody(address: str, manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    with capture_logs() as captured:
        # More than any queue of the kernel's takes; a message that waited would never return.
        for _ in range(5_000):
            notifier.feed_watchdog()
    assert [line["event"] for line in captured] == ["notify.failed"]
    assert received(manager) == ["WATCHDOG=1"]


def test_no_socket_is_left_open(address: str, manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    before = len(list(Path("/proc/self/fd").iterdir()))
    notifier.ready("ready")
    notifier.feed_watchdog()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "42"}, 60.0),
        ({"WATCHDOG_USEC": "120000000"}, 60.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_PID": "42"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time_by_whom_it_watches(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_interval(environ, pid=42) == seconds
