"""The command walletsync, as it is installed."""

from config.entry import load


def main() -> None:
    """Load the command line and run it."""
    load("ipc.cli.main").main()
