"""The blob: a replica as sealed bytes, and the keys it is sealed with."""
