"""What a sync holds in memory does not follow the wallet's size."""

import tracemalloc

from support.devices import Device, Shelf

ROWS, ROW_BYTES = 1500, 8000
MOST_BYTES = ROWS * ROW_BYTES // 3


def test_a_newcomer_brings_a_large_wallet_into_its_own_piece_by_piece(tmp_path):
    shelf, desktop, phone = Shelf(), Device("desktop", tmp_path / "desktop"), Device("phone", tmp_path / "phone")
    for each in (desktop, phone):
        each.enroll(shelf)
    desktop.sql(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
        " INSERT INTO coins (coin_pub, value) SELECT n, hex(randomblob(?)) FROM number",
        ROWS,
        ROW_BYTES // 2,
    )
    desktop.sync(shelf)
    tracemalloc.start()
    try:
        phone.fetch(shelf)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(phone.coins()) == ROWS
    assert peak < MOST_BYTES
    for each in (desktop, phone):
        each.stop()
