"""How wallet frontends and the command line talk to the daemon."""
