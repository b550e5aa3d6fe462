"""A daemon's lines in a real journal: found by their fields, as docs/service.md says."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.mounts import Mounts
from support.processes import Place, wait_until

JOURNALD = Path("/lib/systemd/systemd-journald")
ENTRIES = Path("/run/log/journal")
AS_A_SERVICE = 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"'
"""What the service manager adds to what systemd-cat does: it says that standard error is the journal's."""


class Journal:
    """A journald that only the processes in these mounts see."""

    def __init__(self, mounts: Mounts) -> None:
        self._mounts = mounts

    def __enter__(self) -> "Journal":
        mounted = self._mounts.tmpfs(Path("/run"), "mode=755")
        (mounted / "log/journal").mkdir(parents=True)
        self._mounts.tmpfs(Path("/var/log"), "mode=755")
        command = [*self._mounts.prefix, "setpriv", "--pdeathsig", "KILL", str(JOURNALD)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until((mounted / "systemd/journal/stdout").exists, "the journal listens")
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()

    def entries(self, *matches: str) -> list[dict[str, str]]:
        """Return the entries with these fields, as journalctl finds them."""
        command = [*self._mounts.prefix, "journalctl", f"--directory={ENTRIES}", "--output=json", *matches]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture
def journal(mounts: Mounts) -> Iterator[Journal]:
    tools = ("journalctl", "systemd-cat", "setpriv")
    if not JOURNALD.exists() or not all(map(shutil.which, tools)) or not Path("/etc/machine-id").exists():
        pytest.skip("no journald is installed here")
    with Journal(mounts) as running:
        yield running


def test_the_lines_of_one_server_and_of_one_sync_are_found_by_their_fields(
    place: Place, mounts: Mounts, journal: Journal
) -> None:
    phone = place.device("phone", log={"level": "debug"})
    phone.prefix = (*mounts.prefix, "systemd-cat", "sh", "-c", AS_A_SERVICE, "sh")
    phone.start()
    urls = [phone.enroll(place.folder(name)) for name in ("one", "two")]
    assert [each.outcome for each in phone.sync()] == ["ok", "ok"]
    for url in urls:
        entries = journal.entries(f"WALLETSYNC_SERVER={url}", "WALLETSYNC_EVENT=sync.ended")
        assert entries
        assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"walletsyncd"}
        assert {json.loads(entry["MESSAGE"])["server"] for entry in entries} == {url}
    sync_id = journal.entries("WALLETSYNC_EVENT=sync.ended")[-1]["WALLETSYNC_SYNC_ID"]
    events = [entry["WALLETSYNC_EVENT"] for entry in journal.entries(f"WALLETSYNC_SYNC_ID={sync_id}")]
    assert events[0] == "sync.started"
    assert "sync.ended" in events
    assert phone.stop() == 0
    (ready,) = journal.entries("WALLETSYNC_EVENT=daemon.ready")
    assert ready["PRIORITY"] == "6"
