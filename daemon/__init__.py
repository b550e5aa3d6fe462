"""The daemon: keeps one wallet database in step with the circle through sync servers."""
