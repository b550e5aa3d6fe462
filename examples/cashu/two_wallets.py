"""Two Nutshell wallets share their e-cash through walletsync: real wallets, a real mint, two real daemons.

Run it with the Python that walletsync is installed for:

    python examples/cashu/two_wallets.py [--environment DIR]

Nutshell (PyPI `cashu`) needs other versions of some libraries than walletsync, so it gets an environment of its own:
made in a temporary folder, which takes a minute, or kept in DIR for the next time. The mint listens on loopback and
makes e-cash for invoices that nobody has to pay. All else is temporary too, and ends with the script. It prints what
it does and sees, and ends with 1 if anything is not as it should be.
"""

import argparse
import contextlib
import json
import os
import re
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

NUTSHELL = Path(__file__).with_name("requirements.txt")
PATIENCE = 60.0  # seconds for whatever has to happen, on a slow machine
SYNCED = 20.0  # seconds in which the other wallet shows what one did, without anyone asking for a sync


class Disappointment(Exception):  # noqa: N818 - what it is to whoever runs this
    """Something is not as it should be."""


def main() -> int:
    """Run the example, and return the exit code."""
    parser = argparse.ArgumentParser(description="Two Nutshell wallets share their e-cash through walletsync.")
    parser.add_argument("--environment", type=Path, help="where Nutshell is installed, or is to be")
    chosen: Path | None = parser.parse_args().environment
    with tempfile.TemporaryDirectory(prefix="ws-") as folder:
        place = Path(folder)
        try:
            tell(Story(place, environment(chosen or place / "environment")))
        except Disappointment as error:
            sys.stdout.write(f"NOT as it should be: {error}\n")
            return 1
    say("All is as it should be.")
    return 0


def say(what: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def environment(folder: Path) -> Path:
    """Return the folder of Nutshell's programs, installing them if they are not there."""
    programs = folder.absolute() / "bin"
    if not (programs / "cashu").exists():
        say(f"Installing Nutshell into {folder} ...")
        venv.create(folder, with_pip=True)
        install = ["install", "--quiet", "--disable-pip-version-check", "--requirement", str(NUTSHELL)]
        run([str(programs / "pip"), *install], {}, seconds=600)
    return programs


def run(command: list[str], variables: Mapping[str, str], seconds: float = PATIENCE, given: str | None = None) -> str:
    """Run a program to its end, and return what it printed. Raises Disappointment if it failed."""
    ended = subprocess.run(  # noqa: S603 - the programs are ours
        command,
        env={**os.environ, **variables},
        input=given,
        stdin=None if given is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if ended.returncode != 0:
        raise Disappointment(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}")
    return ended.stdout


class Wallet:
    """A Nutshell wallet in a folder of its own. Any error that it reports is a disappointment."""

    def __init__(self, name: str, place: Path, programs: Path, mint: str) -> None:
        self.name = name
        self._folder = place / name
        self._programs = programs
        self._variables = {
            "CASHU_DIR": str(self._folder),
            "MINT_URL": mint,
            "TOR": "FALSE",
            "HOME": str(self._folder),
            "PYTHONWARNINGS": "ignore",
        }
        self._folder.mkdir(mode=0o700)

    @property
    def database(self) -> Path:
        """Where it keeps its e-cash."""
        return self._folder / "wallet" / "wallet.sqlite3"

    def cashu(self, *arguments: str) -> str:
        """Run its program, and return what that printed."""
        printed = run([str(self._programs / "cashu"), "--yes", *arguments], self._variables)
        if re.search(r"ERROR|Error|Traceback|database is locked", printed):
            raise Disappointment(f"{self.name}: cashu {' '.join(arguments)} reports an error:\n{printed}")
        return printed

    def balance(self) -> int:
        """Return what it says it has, in sat."""
        printed = self.cashu("balance")
        found = re.search(r"Balance: ([\d,]+) sat", printed)
        if found is None:
            raise Disappointment(f"{self.name} shows no balance:\n{printed}")
        return int(found[1].replace(",", ""))

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Look into its database."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=PATIENCE)) as connection:
            return connection.execute(sql).fetchall()

    def counter(self) -> int:
        """Return how many secrets it has derived from its seed."""
        return int(str(self.query("SELECT coalesce(sum(counter), 0) FROM keysets")[0][0]))


class Daemon:
    """A walletsync daemon beside a wallet, in a home of its own."""

    def __init__(self, place: Path, wallet: Wallet) -> None:
        self.wallet = wallet
        self._home = place / f"{wallet.name}-sync"
        self._log = self._home / "daemon.log"
        self.walletsync("init", "--wallet", str(wallet.database), "--nickname", wallet.name)

    def walletsync(self, *arguments: str, given: str | None = None) -> str:
        """Run the command line on this home, and return what it printed."""
        program = str(Path(sys.executable).parent / "walletsync")
        return run([program, arguments[0], "--home", str(self._home), *arguments[1:]], {}, given=given)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the daemon during the body."""
        with self._log.open("wb") as log:
            program = str(Path(sys.executable).parent / "walletsyncd")
            process = subprocess.Popen([program, "--home", str(self._home)], stdout=log, stderr=log)  # noqa: S603
        try:
            wait_until(lambda: self._answers(process), f"the daemon of {self.wallet.name} answers", PATIENCE)
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def sync(self) -> None:
        """Sync now, to the end."""
        self.walletsync("sync", "--wait")

    def waiting(self) -> int:
        """Return how many changes the wallet has not taken."""
        status = json.loads(self.walletsync("status", "--json"))
        return sum(counts["unapplied"] for counts in status["sets"].values())

    def _answers(self, process: "subprocess.Popen[bytes]") -> bool:
        if process.poll() is not None:
            raise Disappointment(f"the daemon of {self.wallet.name} ended:\n{self._log.read_text()}")
        with contextlib.suppress(Disappointment):
            self.walletsync("status", "--json")
            return True
        return False


def wait_until(condition: object, what: str, seconds: float) -> None:
    """Poll until the condition holds. Raises Disappointment if that takes too long."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Disappointment(f"after {seconds:g} s still not: {what}")
        time.sleep(0.2)


@contextlib.contextmanager
def mint(place: Path, programs: Path) -> Iterator[str]:
    """Run a mint on loopback during the body, whose invoices count as paid at once."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    folder = place / "mint"
    folder.mkdir()
    settings = {
        "MINT_BACKEND_BOLT11_SAT": "FakeWallet",
        "MINT_PRIVATE_KEY": secrets.token_hex(32),
        "MINT_DATABASE": str(folder),
        "MINT_LISTEN_HOST": "127.0.0.1",
        "MINT_LISTEN_PORT": str(port),
        "MINT_RATE_LIMIT": "FALSE",
        "MINT_INPUT_FEE_PPK": "0",
        "FAKEWALLET_DELAY_INCOMING_PAYMENT": "0",
        "FAKEWALLET_DELAY_OUTGOING_PAYMENT": "0",
        "CASHU_DIR": str(folder),
        "HOME": str(folder),
    }
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [str(programs / "mint"), "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: answers(f"{url}/v1/info"), "the mint answers", PATIENCE)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(url: str) -> bool:
    """Tell whether a page can be had."""
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url, timeout=5):  # noqa: S310
        return True
    return False


class Story:
    """Where it plays: a folder, and Nutshell's programs."""

    def __init__(self, place: Path, programs: Path) -> None:
        self.place = place
        self.programs = programs

    @contextlib.contextmanager
    def pair(self) -> Iterator[tuple[Daemon, Daemon, Wallet]]:
        """Make two wallets that share a circle on a folder, and a stranger's."""
        with mint(self.place, self.programs) as url, contextlib.ExitStack() as stack:
            phone, desktop, stranger = (
                Wallet(name, self.place, self.programs, url) for name in ("phone", "desktop", "stranger")
            )
            for wallet in (phone, desktop, stranger):
                wallet.cashu("balance")
            daemons = [Daemon(self.place, wallet) for wallet in (phone, desktop)]
            for daemon in daemons:
                stack.enter_context(daemon.running())
            shelf = self.place / "server"
            shelf.mkdir()
            daemons[0].walletsync("enroll", f"{shelf.as_uri()}/")
            invitation = json.loads(daemons[0].walletsync("invite", "--json"))["uri"]
            daemons[1].walletsync("join", "-", given=invitation + "\n")
            yield daemons[0], daemons[1], stranger


def tell(story: Story) -> None:
    """Tell what two wallets do, and check what each then shows. Raises Disappointment."""
    with story.pair() as (phones, desktops, stranger):
        phone, desktop = phones.wallet, desktops.wallet
        seeds = phone.query("SELECT seed FROM seed"), desktop.query("SELECT seed FROM seed")
        say("Two Nutshell wallets, phone and desktop, each with a seed of its own, share a circle on a folder.")

        phone.cashu("invoice", "100", "--id", unpaid_invoice(phone, 100))
        say("phone is paid 100 sat.")
        wait_for(desktop, 100)
        counters_are(phone, desktop, desktop_derived=False)

        token = sent(desktop, 30)
        say("desktop, which was never paid anything, sends 30 sat to a stranger.")
        wait_for(phone, 70)
        stranger.cashu("receive", token)
        say(f"  the stranger takes them, and shows {stranger.balance()} sat")
        expect(stranger.balance() == 30, "the stranger has 30 sat")
        counters_are(phone, desktop, desktop_derived=True)

        phone.cashu("receive", sent(stranger, 10))
        say("phone gets 10 sat from the stranger.")
        wait_for(desktop, 80)

        quote = unpaid_invoice(phone, 50)
        wait_until(lambda: quote in quotes(desktop), "desktop knows the invoice of phone", SYNCED)
        desktop.cashu("invoice", "50", "--id", quote)
        say("phone asked for 50 sat and is paid while it is off; desktop takes them in its place.")
        wait_for(phone, 130)

        desktop.cashu("burn", "--all")
        say("desktop burns what it had set aside for the stranger, who has taken it.")
        token = sent(phone, 130)
        say("phone makes a token of all it has.")
        wait_for(desktop, 0)
        desktop.cashu("receive", token)
        say("desktop takes it: the mint exchanges every proof, so none was spent before.")
        wait_for(phone, 130)

        phones.walletsync("restore", "--before", "1 day ago", "--yes")
        say("phone restores everything that was deleted in the last day.")
        for daemon in (phones, desktops, phones):
            daemon.sync()
        expect((phone.balance(), desktop.balance()) == (130, 130), "what was spent stays spent")
        check_the_end(phones, desktops, seeds)


def check_the_end(phones: Daemon, desktops: Daemon, seeds: tuple[object, object]) -> None:
    """Check that both wallets hold the same e-cash, and kept what is their own."""
    phone, desktop = phones.wallet, desktops.wallet
    for table, order in (("proofs", "secret"), ("proofs_used", "secret"), ("bolt11_mint_quotes", "quote")):
        sql = f"SELECT * FROM {table} ORDER BY {order}"
        expect(phone.query(sql) == desktop.query(sql), f"both wallets have the same {table}")
    both = phone.query("SELECT secret FROM proofs INTERSECT SELECT secret FROM proofs_used")
    expect(not both, "no proof is both there and used")
    expect(seeds[0] != seeds[1], "the seeds differ")
    now = phone.query("SELECT seed FROM seed"), desktop.query("SELECT seed FROM seed")
    expect(now == seeds, "both wallets kept their seeds")
    expect(phones.waiting() == desktops.waiting() == 0, "no change waits for a wallet to take it")
    for wallet in (phone, desktop):
        made = wallet.counter()
        say(f"{wallet.name}: {wallet.balance()} sat, {made} secrets derived from its own seed, no error reported.")


def wait_for(wallet: Wallet, sat: int) -> None:
    """Wait until a wallet shows so much by itself."""
    available = "SELECT coalesce(sum(amount), 0) FROM proofs WHERE reserved IS NULL OR NOT reserved"
    began = time.monotonic()
    wait_until(lambda: wallet.query(available) == [(sat,)], f"{wallet.name} has {sat} sat", SYNCED)
    took = time.monotonic() - began
    expect(wallet.balance() == sat, f"{wallet.name} shows {sat} sat")
    say(f"  {wallet.name} shows {sat} sat (after {took:.1f} s)")


def counters_are(phone: Wallet, desktop: Wallet, *, desktop_derived: bool) -> None:
    """Check that each wallet counts the secrets of its own seed, and no others."""
    expect(phone.counter() > 0, "phone has derived secrets")
    expect((desktop.counter() > 0) == desktop_derived, "desktop counts what it has derived itself")
    say(f"  secrets derived: phone {phone.counter()}, desktop {desktop.counter()}")


def expect(holds: bool, what: str) -> None:
    """Raise Disappointment unless it holds."""
    if not holds:
        raise Disappointment(f"not so: {what}")


def sent(wallet: Wallet, sat: int) -> str:
    """Make a token of so much, of new e-cash, and return it."""
    printed = wallet.cashu("send", str(sat), "--force-swap")
    found = re.search(r"cashu[AB]\S+", printed)
    if found is None:
        raise Disappointment(f"{wallet.name} sent no token:\n{printed}")
    return found[0]


def unpaid_invoice(wallet: Wallet, sat: int) -> str:
    """Ask for so much without waiting for it, and return the id of the quote."""
    before = quotes(wallet)
    wallet.cashu("invoice", str(sat), "--no-check")
    (quote,) = quotes(wallet) - before
    return quote


def quotes(wallet: Wallet) -> set[str]:
    """Return the ids of the invoices that a wallet knows."""
    return {str(row[0]) for row in wallet.query("SELECT quote FROM bolt11_mint_quotes")}


if __name__ == "__main__":
    sys.exit(main())
