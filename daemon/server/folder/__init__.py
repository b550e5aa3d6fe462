"""A folder, local or mounted, as a server."""

from daemon.server.folder.server import FolderServer

__all__ = ["FolderServer"]
