"""Programs run whatever standard streams whoever started them had closed."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_daemon_starts_whatever_standard_stream_is_closed(closed, tmp_path):
    daemon = [sys.executable, "-m", "daemon", "--home", str(tmp_path)]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *daemon], capture_output=True, timeout=20, check=False)
    assert done.returncode == 5  # no configuration, which it has come to look for
    assert b"Traceback" not in done.stderr


def test_what_is_opened_later_takes_the_number_of_no_standard_stream(tmp_path):
    program = (
        "from config import streams; streams.open_missing(); import sys;"
        "print('lost', flush=True); print('lost', file=sys.stderr, flush=True); assert sys.stdin.read() == '';"
        f"sys.exit(open({str(tmp_path / 'database')!r}, 'w').fileno())"
    )
    closed = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program]
    assert subprocess.run(closed, timeout=20, check=False).returncode > 2
