"""The demo: two wallets, one folder as server, two real daemons, and what happens to money in between."""
