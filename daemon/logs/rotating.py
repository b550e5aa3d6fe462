"""What happens when a circle is rolled over to new keys. All lines of one roll-over carry the same code."""

from daemon.logs.happening import Happening, Level


class OfRotation(Happening):
    """What all happenings of one roll-over tell."""

    code: str


class RotationMade(OfRotation, event="rotation.made", level=Level.WARNING):
    """The circle was rolled over from here: there is a new root secret, for the wallets kept."""

    kept: int
    left_out: int


class RotationFollowed(OfRotation, event="rotation.followed", level=Level.WARNING):
    """A roll-over that a person confirmed was followed."""

    signer: str


class RotationResumed(OfRotation, event="rotation.resumed"):
    """The last run ended in the midst of a roll-over; the new root secret is in its place now."""


class RotationMet(OfRotation, event="rotation.met", level=Level.WARNING):
    """A server holds a note that the account has moved; what it is worth says the verdict."""

    server: str
    signer: str
    verdict: str
    message: str


class RotationRejected(OfRotation, event="rotation.rejected"):
    """A person has said no to following a roll-over."""

    signer: str


class RotationNoted(OfRotation, event="rotation.noted"):
    """The account that was left on this server holds the note."""

    server: str


class RotationRestored(OfRotation, event="rotation.restored", level=Level.WARNING):
    """The note was gone from the account that was left, and was put back; a wallet left out may be the cause."""

    server: str
    found: str


class RotationYielded(OfRotation, event="rotation.yielded", level=Level.WARNING):
    """An account that was left holds the note of another roll-over, which holds since it is the earlier one."""

    server: str


class RotationHeldUp(OfRotation, event="rotation.held_up", level=Level.WARNING, routine_when="it was said before"):
    """The account that was left cannot be brought to hold the note; it is tried again."""

    server: str
    message: str
    repeated: bool

    @property
    def is_routine(self) -> bool:
        """Whether this was said before."""
        return self.repeated


class RotationArrived(OfRotation, event="rotation.arrived"):
    """A wallet that was kept has followed."""

    wallet: str


class RotationDone(OfRotation, event="rotation.done"):
    """All wallets kept have followed, and all accounts that were left hold the note."""
