"""What keeps wallet and replica together: capture, join, apply, and what is said to servers.

Everything here is synchronous and runs in the worker, one call at a time under the replica's lock. Nothing here logs:
each step returns what it did.
"""
