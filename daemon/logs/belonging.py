"""What happens to the wallet's keys, its circle, and the servers that it is enrolled with."""

from pathlib import Path

from daemon.logs.happening import Happening, Level


class SecretsCreated(Happening, event="secrets.created"):
    """The wallet was given its keys, and so its identity."""

    path: Path
    wallet_id: str


class SecretsSealed(Happening, event="secrets.sealed"):
    """The wallet's keys were sealed with a passphrase where they lie, or are kept unsealed from now on."""

    path: Path
    sealed: bool


class CircleUnreachable(Happening, event="circle.unreachable", level=Level.WARNING):
    """The keys name a circle, but no server of it is known: the state was lost, or all servers were left."""


class CircleLeft(Happening, event="circle.left"):
    """The wallet left its circle, and forgot the root secret."""

    servers: int


class CircleCreated(Happening, event="circle.created"):
    """A new circle was made, with this wallet as its first."""

    server: str


class CircleJoined(Happening, event="circle.joined"):
    """The wallet joined a circle by invitation."""

    servers: int


class WalletRenamed(Happening, event="wallet.renamed"):
    """The wallet was given another nickname."""

    nickname: str


class WalletForgotten(Happening, event="wallet.forgotten"):
    """A wallet of the circle is not counted on any more, as a person asked."""

    wallet: str


class ServerEnrolled(Happening, event="server.enrolled"):
    """The wallet syncs with one more server from now on."""

    server: str


class ServerReaddressed(Happening, event="server.readdressed"):
    """An enrolled server is reached under another address from now on."""

    server: str
    former: str


class ServerLeft(Happening, event="server.left"):
    """The wallet syncs with one server less from now on."""

    server: str


class ServerLeftMoved(Happening, event="server.left_moved"):
    """An account that was left has moved: the note that says so stays there, and nothing else is left to be done."""

    server: str
    erase: bool
