"""Every test is looked through for secrets: what it prints and logs, and what it says over sockets."""

from collections.abc import Iterator

import pytest
from support.spilled_secrets import SCAN

from daemon.secret import Secret
from ipc.nng import RequestSocket, SubscribeSocket


def pytest_configure() -> None:
    """Have every secret that is made, and all that clients send and get, noted."""
    make, exchange, exchange_blocking = Secret.__init__, RequestSocket.exchange, RequestSocket.exchange_blocking
    receive = SubscribeSocket.receive

    def noted_secret(self: Secret[bytes], content: bytes) -> None:
        make(self, content)
        SCAN.secrets.add(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))

    async def noted_exchange(self: RequestSocket, data: bytes) -> bytes:
        answer = await exchange(self, data)
        SCAN.traffic += [data, answer]
        return answer

    def noted_exchange_blocking(self: RequestSocket, data: bytes, timeout: float) -> bytes:
        answer = exchange_blocking(self, data, timeout)
        SCAN.traffic += [data, answer]
        return answer

    async def noted_receive(self: SubscribeSocket) -> bytes:
        SCAN.traffic.append(event := await receive(self))
        return event

    Secret.__init__ = noted_secret  # type: ignore[method-assign]
    RequestSocket.exchange = noted_exchange  # type: ignore[method-assign]
    RequestSocket.exchange_blocking = noted_exchange_blocking  # type: ignore[method-assign]
    SubscribeSocket.receive = noted_receive  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None] | pytest.TestReport:  # what pluggy makes of a wrapper
    """Fail a test whose output holds one of its secrets. Tests of the masking itself show theirs on purpose."""
    report: pytest.TestReport = yield  # type: ignore[misc, assignment]
    if call.when == "setup":
        SCAN.traffic.clear()
    if call.when == "teardown":
        try:
            SCAN.look("its output", "\n".join(text for _, text in report.sections).encode(errors="surrogateescape"))
            SCAN.look("what went over sockets", b"\n".join(SCAN.traffic))
        except AssertionError as error:
            report.outcome, report.longrepr = "failed", f"{item.nodeid}: {error}"
        SCAN.begin()
    return report
