"""Plausible contents of a Taler wallet, made up from a seed: for the demo, the tests and the benchmarks.

Every row is a pure function of the seed, its table and its number. So rows can refer to each other without being
remembered, any part can be made alone, and a wallet of a million entities is written as a stream.
What exchanges publish does not depend on the seed: all wallets know the same exchanges and denominations.
Keys are random text of the right length and no keys of any cryptography.
"""
