"""The command walletsyncd, as it is installed."""

from config.entry import load


def main() -> None:
    """Load the daemon and run it."""
    load("daemon.__main__").main()
