"""The daemon's own database: replica, revisions and what is still to be applied."""
