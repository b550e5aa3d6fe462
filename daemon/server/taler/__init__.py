"""The GNU Taler sync server as a kind of server: its protocol's values, its answers, HTTP, and the client."""
