"""The wallet's own database, in which the daemon is a guest."""
