"""An empty wallet database, made from the reference schema of a shipped profile."""

import sqlite3
from contextlib import closing
from pathlib import Path

from config.profile import load_profile, reference_schema
from ipc.cli.exits import CommandFailed, ExitCode


def create_wallet_database(path: Path, profile: str) -> None:
    """Make an empty wallet database, readable for its owner alone.

    Raises ``CommandFailed``, and leaves nothing behind, where there is a file already, where it cannot be written,
    and where walletsync does not know what such a database looks like; ``ProfileError`` where there is no such profile.
    """
    load_profile(profile)
    schema = reference_schema(profile)
    if schema is None:
        message = f"walletsync cannot create a database for the profile {profile}: it ships no schema for it"
        advice = "Let the wallet program make its database, and leave out --create."
        raise CommandFailed(ExitCode.USAGE, message, advice)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        message = f"{path} exists already and was left alone: --create only makes new databases"
        raise CommandFailed(ExitCode.USAGE, message, "Leave out --create to use it as it is.") from error
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"{path} cannot be created: {error.strerror}") from error
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"BEGIN;\n{schema}\nCOMMIT;")
    except BaseException as error:
        path.unlink()
        if isinstance(error, sqlite3.Error):
            raise CommandFailed(ExitCode.WALLET_UNFIT, f"{path} cannot be created: {error}") from error
        raise
