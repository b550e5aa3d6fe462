"""The command line, walletsync."""
