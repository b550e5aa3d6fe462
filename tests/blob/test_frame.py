import random

from daemon.blob.frame import compress, decompress


def test_keys_that_come_again_in_a_set_far_behind_are_not_stored_again() -> None:
    chance = random.Random(0)
    keys = ["".join(chance.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=52)) for _ in range(80_000)]
    coins, spends = (
        "\n".join(f'"{key}":[7,0,{{"of":"{name}"}}]' for key in keys).encode() for name in ("coin", "spend")
    )
    alone = sum(map(len, compress([coins])))
    both = list(compress([coins, spends]))
    assert b"".join(decompress(both, len(coins) + len(spends))) == coins + spends
    assert sum(map(len, both)) < 1.7 * alone
