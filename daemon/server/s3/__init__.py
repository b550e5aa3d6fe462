"""A bucket of an S3-compatible object store, as a server."""

from daemon.server.s3.bucket import Credentials, credentials_of
from daemon.server.s3.server import S3Server

__all__ = ["Credentials", "S3Server", "credentials_of"]
