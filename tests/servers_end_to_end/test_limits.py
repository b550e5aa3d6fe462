"""A person is warned before a wallet outgrows a server, and told by how much when it has."""

import os

from support.servers_daemon import served_daemon, until

MEBIBYTE = 1 << 20


async def test_a_wallet_that_outgrows_a_server_is_warned_of_in_time_once_and_goes_on_when_there_is_room(
    quick_path, taler
):
    taler.double.megabytes = 1
    folder = quick_path / "shared folder"
    folder.mkdir()
    async with served_daemon("phone", quick_path) as phone:
        url = (await phone.membership.enroll(taler.url, None)).url
        other = (await phone.membership.enroll(f"{folder.as_uri()}/", None)).url
        assert phone.status_of(url).limit_bytes == MEBIBYTE - 1

        def warnings() -> list[dict[str, object]]:
            return [data for event, data in phone.events if event == "server.nearly_full"]

        phone.coin("SMALL", os.urandom(300_000).hex())
        assert await phone.sync() == ["ok", "ok"]
        assert warnings() == []
        phone.coin("LARGE", os.urandom(600_000).hex())
        for number in range(3):
            phone.coin("ONE MORE", str(number))
            assert await phone.sync() == ["ok", "ok"]
        (warned,) = warnings()
        size = phone.status_of(url).sealed_bytes
        assert 0.8 * MEBIBYTE < size < MEBIBYTE
        assert warned["server"] == url
        assert warned["limit_bytes"] == MEBIBYTE - 1

        phone.coin("TOO LARGE", os.urandom(300_000).hex())
        assert sorted(await phone.sync()) == ["ok", "too_large"]
        error = phone.status_of(url).error
        assert error is not None
        assert "more than the 1,048,575 that the server takes" in error.message
        assert phone.status_of(other).error is None
        taler.double.megabytes = 2
        await until(lambda: phone.status_of(url).error is None, "it goes on by itself")
        await until(lambda: phone.status_of(url).limit_bytes == 2 * MEBIBYTE - 1, "the new limit is told")


async def test_a_wallet_that_joined_learns_the_limit_too(quick_path, taler):
    async with served_daemon("phone", quick_path) as phone:
        await phone.membership.enroll(taler.url, None)
        assert await phone.sync() == ["ok"]
        uri, _ = await phone.membership.invite(None)
        async with served_daemon("desktop", quick_path) as desktop:
            (url,) = await desktop.membership.join(uri, None)
            assert await desktop.sync() == ["ok"]
            assert await desktop.sync() == ["ok"]
            assert desktop.status_of(url).limit_bytes == 16 * MEBIBYTE - 1
