-- The reference schema of a GNU Taler wallet, as the profile `taler` of walletsync reads and writes it.
--
-- A wallet frontend can adopt it as its own database, add tables and columns, and have walletsync keep it in step
-- with the person's other wallets. `walletsync init --create` makes an empty database of it.
--
-- What the columns hold:
--   amounts     text 'CURRENCY:VALUE[.FRACTION]' with at most 8 digits of fraction: 'KUDOS:1.5'
--   keys        text, Crockford base32 without padding; hashes and signatures too
--   times       integers, seconds since 1970 UTC; NULL stands for "not yet" and for "never"
--   statuses    integers: 10-29 active, 30-49 waiting for the user, 50-69 dormant
--   truth       integers 0 and 1
--   lists and nested records   text, JSON; the column's comment says of what
-- Narrow tables have no rowid; the others do, as SQLite advises for rows of more than some 200 bytes.
--
-- Rows come from other wallets in any order of time, and a delete wins over an unaware change. A foreign key
-- therefore stands only where a child without its parent is worthless and goes with it in the end: a coin needs its
-- denomination, a spend needs its coin. All other references are by value, and a reader copes with a missing row.
-- There are no unique constraints beside the keys, since two wallets would sooner or later break them together.

PRAGMA user_version = 1;

-- Exchanges, and what they say of themselves in /keys and /wire.

CREATE TABLE exchanges (
    base_url            TEXT NOT NULL PRIMARY KEY,
    master_public_key   TEXT,            -- with currency: which row of exchange_details is in force
    currency            TEXT,
    permanent           INTEGER NOT NULL DEFAULT 0 CHECK (permanent IN (0, 1)),  -- the user added it
    -- local: every wallet asks the exchange on its own clock
    last_update         INTEGER,
    next_update         INTEGER,
    next_refresh_check  INTEGER,
    last_keys_etag      TEXT
);

CREATE TABLE exchange_details (
    exchange_base_url       TEXT NOT NULL,
    currency                TEXT NOT NULL,
    master_public_key       TEXT NOT NULL,
    protocol_version_range  TEXT,
    reserve_closing_delay   INTEGER,     -- seconds
    age_mask                INTEGER NOT NULL DEFAULT 0,
    tos_accepted_etag       TEXT,
    tos_accepted_timestamp  INTEGER,
    auditors                TEXT NOT NULL DEFAULT '[]',  -- JSON list of auditor objects
    global_fees             TEXT NOT NULL DEFAULT '[]',  -- JSON list
    wire_fees               TEXT NOT NULL DEFAULT '{}',  -- JSON object by wire method
    wire_accounts           TEXT NOT NULL DEFAULT '[]',  -- JSON list of accounts with the master signature
    -- local: the terms of service as this wallet fetched them, in its own language
    tos_current_etag        TEXT,
    tos_content_type        TEXT,
    tos_text                TEXT,
    PRIMARY KEY (exchange_base_url, currency, master_public_key)
);

CREATE TABLE signing_keys (
    exchange_base_url   TEXT NOT NULL,
    signkey_pub         TEXT NOT NULL,
    master_public_key   TEXT NOT NULL,
    stamp_start         INTEGER NOT NULL,
    stamp_expire        INTEGER NOT NULL,
    stamp_end           INTEGER NOT NULL,
    master_sig          TEXT NOT NULL,
    PRIMARY KEY (exchange_base_url, signkey_pub)
);

CREATE TABLE denominations (
    exchange_base_url      TEXT NOT NULL,
    denom_pub_hash         TEXT NOT NULL,
    denom_pub              TEXT NOT NULL,  -- JSON object: cipher, public key, age mask
    exchange_master_pub    TEXT NOT NULL,
    currency               TEXT NOT NULL,
    value                  TEXT NOT NULL CHECK (value GLOB '[A-Z]*:[0-9]*'),
    fee_withdraw           TEXT NOT NULL CHECK (fee_withdraw GLOB '[A-Z]*:[0-9]*'),
    fee_deposit            TEXT NOT NULL CHECK (fee_deposit GLOB '[A-Z]*:[0-9]*'),
    fee_refresh            TEXT NOT NULL CHECK (fee_refresh GLOB '[A-Z]*:[0-9]*'),
    fee_refund             TEXT NOT NULL CHECK (fee_refund GLOB '[A-Z]*:[0-9]*'),
    stamp_start            INTEGER NOT NULL,
    stamp_expire_withdraw  INTEGER NOT NULL,
    stamp_expire_deposit   INTEGER NOT NULL,
    stamp_expire_legal     INTEGER NOT NULL,
    master_sig             TEXT NOT NULL,
    is_offered             INTEGER NOT NULL DEFAULT 1 CHECK (is_offered IN (0, 1)),
    is_revoked             INTEGER NOT NULL DEFAULT 0 CHECK (is_revoked IN (0, 1)),
    -- local: renewed with every answer to /keys, and checked by each wallet for itself
    list_issue_date        INTEGER,
    verification_status    INTEGER NOT NULL DEFAULT 0,  -- 0 not verified yet, 1 good, 2 bad
    PRIMARY KEY (exchange_base_url, denom_pub_hash)
);

-- Whom the user trusts.

CREATE TABLE trusted_exchanges (
    currency             TEXT NOT NULL,
    exchange_base_url    TEXT NOT NULL,
    exchange_master_pub  TEXT NOT NULL,
    PRIMARY KEY (currency, exchange_base_url)
) WITHOUT ROWID;

CREATE TABLE trusted_auditors (
    currency          TEXT NOT NULL,
    auditor_base_url  TEXT NOT NULL,
    auditor_pub       TEXT NOT NULL,
    PRIMARY KEY (currency, auditor_base_url)
) WITHOUT ROWID;

-- Money coming in.

CREATE TABLE reserves (
    row_id        INTEGER PRIMARY KEY,   -- local: a handle inside this database, no identity
    reserve_pub   TEXT NOT NULL UNIQUE,
    reserve_priv  TEXT NOT NULL
);

CREATE TABLE reserve_history (
    reserve_pub  TEXT NOT NULL,
    kind         TEXT NOT NULL,          -- credit, withdraw, closing, recoup, merge ...
    entry_id     TEXT NOT NULL,          -- the exchange's offset or the wallet's own id of the entry
    amount       TEXT NOT NULL CHECK (amount GLOB '[A-Z]*:[0-9]*'),
    timestamp    INTEGER NOT NULL,
    details      TEXT,                   -- JSON object, depends on the kind
    PRIMARY KEY (reserve_pub, kind, entry_id)
);

CREATE TABLE withdrawals (
    withdrawal_group_id    TEXT NOT NULL PRIMARY KEY,
    withdrawal_type        TEXT NOT NULL,  -- bank-manual, bank-integrated, peer-pull-credit, peer-push-credit, recoup
    exchange_base_url      TEXT NOT NULL,
    secret_seed            TEXT,           -- the coins are derived from it
    reserve_pub            TEXT,
    reserve_priv           TEXT,
    bank_info              TEXT,           -- JSON object: the bank's withdrawal operation, for bank-integrated
    timestamp_start        INTEGER NOT NULL,
    timestamp_accepted     INTEGER,        -- when the user accepted it; set for good before any other step
    timestamp_finish       INTEGER,
    status                 INTEGER NOT NULL CHECK (status BETWEEN 10 AND 69),
                           -- 10-29 in progress; 30-49 waits for the user: a dialog while timestamp_accepted is NULL,
                           -- else for instance an identity check; 50 done; 51-69 ended without coins
    instructed_amount      TEXT CHECK (instructed_amount GLOB '[A-Z]*:[0-9]*'),
    raw_amount             TEXT CHECK (raw_amount GLOB '[A-Z]*:[0-9]*'),        -- with fees
    effective_amount       TEXT CHECK (effective_amount GLOB '[A-Z]*:[0-9]*'),  -- value of the coins
    denoms_sel             TEXT,           -- JSON list of {denom_pub_hash, count}
    restrict_age           INTEGER
);

-- Optional: with it another wallet can go on with a half-done withdrawal.
CREATE TABLE planchets (
    coin_pub              TEXT NOT NULL PRIMARY KEY,
    withdrawal_group_id   TEXT NOT NULL,
    coin_index            INTEGER NOT NULL,
    coin_priv             TEXT NOT NULL,
    denom_pub_hash        TEXT NOT NULL,
    blinding_key          TEXT NOT NULL,
    withdraw_sig          TEXT NOT NULL,
    coin_ev               TEXT NOT NULL,   -- JSON object: the blinded envelope
    coin_ev_hash          TEXT NOT NULL,
    age_commitment_proof  TEXT,            -- JSON object
    status                INTEGER NOT NULL CHECK (status BETWEEN 10 AND 69),
    last_error            TEXT             -- local: JSON object
);
CREATE INDEX planchets_by_withdrawal ON planchets (withdrawal_group_id, coin_index);

-- Tips (rewards) that were withdrawn. Those still to be withdrawn lie in pending_tips and move here.
CREATE TABLE tips (
    wallet_tip_id         TEXT NOT NULL PRIMARY KEY,
    merchant_tip_id       TEXT NOT NULL,
    merchant_base_url     TEXT NOT NULL,
    exchange_base_url     TEXT NOT NULL,
    raw_amount            TEXT NOT NULL CHECK (raw_amount GLOB '[A-Z]*:[0-9]*'),
    effective_amount      TEXT CHECK (effective_amount GLOB '[A-Z]*:[0-9]*'),
    secret_seed           TEXT NOT NULL,
    denoms_sel            TEXT,            -- JSON list of {denom_pub_hash, count}
    created_timestamp     INTEGER NOT NULL,
    accepted_timestamp    INTEGER,
    picked_up_timestamp   INTEGER
);

CREATE TABLE pending_tips (
    wallet_tip_id         TEXT NOT NULL PRIMARY KEY,
    merchant_tip_id       TEXT NOT NULL,
    merchant_base_url     TEXT NOT NULL,
    exchange_base_url     TEXT NOT NULL,
    raw_amount            TEXT NOT NULL CHECK (raw_amount GLOB '[A-Z]*:[0-9]*'),
    effective_amount      TEXT CHECK (effective_amount GLOB '[A-Z]*:[0-9]*'),
    secret_seed           TEXT NOT NULL,
    denoms_sel            TEXT,            -- JSON list of {denom_pub_hash, count}
    expiration            INTEGER,
    created_timestamp     INTEGER NOT NULL,
    accepted_timestamp    INTEGER          -- NULL: offered, the user has not answered
);

-- Coins.

-- A coin can be spent if its status is 10 and it has no row in coin_spends: both are asked, always.
CREATE TABLE coins (
    coin_pub              TEXT NOT NULL PRIMARY KEY,
    coin_priv             TEXT NOT NULL,
    exchange_base_url     TEXT NOT NULL,
    denom_pub_hash        TEXT NOT NULL,
    denom_sig             TEXT NOT NULL,   -- JSON object: the unblinded signature
    blinding_key          TEXT NOT NULL,
    coin_ev_hash          TEXT NOT NULL,
    status                INTEGER NOT NULL DEFAULT 10 CHECK (status BETWEEN 10 AND 69),
                          -- 10 fresh, 11 suspended by the user, 50 dormant: spent or lost
    source_type           TEXT NOT NULL CHECK (source_type IN ('withdraw', 'refresh', 'tip')),
    source_id             TEXT NOT NULL,   -- withdrawal group, refresh group or tip
    source_index          INTEGER,         -- number of the coin in it
    source_reserve_pub    TEXT,            -- for withdraw
    source_old_coin_pub   TEXT,            -- for refresh
    max_age               INTEGER NOT NULL DEFAULT 0,
    age_commitment_proof  TEXT,            -- JSON object
    stamp_expire_deposit  INTEGER,         -- copied from the denomination: after it the coin is worth nothing
    FOREIGN KEY (exchange_base_url, denom_pub_hash) REFERENCES denominations (exchange_base_url, denom_pub_hash)
);
CREATE INDEX coins_by_denomination ON coins (exchange_base_url, denom_pub_hash, status);
CREATE INDEX coins_by_source ON coins (source_id, source_index);

-- That a coin is spent, and for what. Inserted once, in the transaction that sets the coin dormant; never changed;
-- deleted only together with the coin.
CREATE TABLE coin_spends (
    coin_pub              TEXT NOT NULL PRIMARY KEY REFERENCES coins (coin_pub),
    allocation_id         TEXT NOT NULL,   -- what it was spent for: the id of a purchase, a deposit, a refresh ...
    amount                TEXT NOT NULL CHECK (amount GLOB '[A-Z]*:[0-9]*'),
    timestamp             INTEGER,
    stamp_expire_deposit  INTEGER          -- the coin's
) WITHOUT ROWID;
CREATE INDEX coin_spends_by_allocation ON coin_spends (allocation_id);

CREATE TABLE coin_history (
    coin_pub   TEXT NOT NULL,
    kind       TEXT NOT NULL,              -- withdrawn, allocated, spent, refreshed, refunded, recouped
    entry_id   TEXT NOT NULL,              -- what caused it: the id of a withdrawal, a purchase, a refresh ...
    amount     TEXT NOT NULL CHECK (amount GLOB '[A-Z]*:[0-9]*'),
    timestamp  INTEGER NOT NULL,
    details    TEXT,                       -- JSON object, depends on the kind
    PRIMARY KEY (coin_pub, kind, entry_id)
);

-- Which of the person's wallets may spend a coin of its own accord. The others ask or wait.
CREATE TABLE coin_assignments (
    coin_pub   TEXT NOT NULL PRIMARY KEY,
    wallet_id  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE refresh_groups (
    refresh_group_id           TEXT NOT NULL PRIMARY KEY,
    currency                   TEXT NOT NULL,
    reason                     TEXT NOT NULL,
    originating_id             TEXT,                        -- the transaction that made it necessary
    old_coin_pubs              TEXT NOT NULL DEFAULT '[]',  -- JSON list
    input_per_coin             TEXT NOT NULL DEFAULT '[]',  -- JSON list of amounts
    expected_output_per_coin   TEXT NOT NULL DEFAULT '[]',  -- JSON list of amounts
    status_per_coin            TEXT NOT NULL DEFAULT '[]',  -- JSON list of statuses
    timestamp_created          INTEGER NOT NULL,
    timestamp_finished         INTEGER,
    status                     INTEGER NOT NULL CHECK (status BETWEEN 10 AND 69)
);

-- Optional: with it another wallet can go on with a refresh that this one began.
CREATE TABLE refresh_sessions (
    refresh_group_id       TEXT NOT NULL,
    coin_index             INTEGER NOT NULL,
    session_secret_seed    TEXT NOT NULL,
    amount_refresh_output  TEXT NOT NULL CHECK (amount_refresh_output GLOB '[A-Z]*:[0-9]*'),
    new_denoms             TEXT NOT NULL,  -- JSON list of {denom_pub_hash, count}
    noreveal_index         INTEGER,
    PRIMARY KEY (refresh_group_id, coin_index)
);

CREATE TABLE recoup_groups (
    recoup_group_id      TEXT NOT NULL PRIMARY KEY,
    exchange_base_url    TEXT NOT NULL,
    coin_pubs            TEXT NOT NULL DEFAULT '[]',  -- JSON list
    finished_per_coin    TEXT NOT NULL DEFAULT '[]',  -- JSON list of true and false
    timestamp_started    INTEGER NOT NULL,
    timestamp_finished   INTEGER,
    status               INTEGER NOT NULL CHECK (status BETWEEN 10 AND 69)
);

-- Money going out.

CREATE TABLE purchases (
    proposal_id                     TEXT NOT NULL PRIMARY KEY,
    order_id                        TEXT NOT NULL,
    merchant_base_url               TEXT NOT NULL,
    claim_token                     TEXT,
    nonce_pub                       TEXT NOT NULL,
    nonce_priv                      TEXT NOT NULL,
    status                          INTEGER NOT NULL CHECK (status BETWEEN 10 AND 69),
                                    -- 10 not claimed yet; 11-29 in progress; 30 claimed, waits for the user;
                                    -- 50-53 ended without payment (failed, refused, aborted, bought before); 54 paid
    -- the download: unset until the order is claimed
    contract_terms_hash             TEXT,
    contract_terms_merchant_sig     TEXT,
    fulfillment_url                 TEXT,
    currency                        TEXT,
    -- how it is paid
    pay_coin_pubs                   TEXT,  -- JSON list
    pay_coin_contributions          TEXT,  -- JSON list of amounts
    total_pay_cost                  TEXT CHECK (total_pay_cost GLOB '[A-Z]*:[0-9]*'),
    merchant_pay_sig                TEXT,
    pos_confirmation                TEXT,
    repurchase_proposal_id          TEXT,
    timestamp_created               INTEGER NOT NULL,
    timestamp_accept                INTEGER,
    timestamp_first_successful_pay  INTEGER,
    auto_refund_deadline            INTEGER,
    -- local: every wallet asks the merchant on its own clock
    timestamp_last_refund_query     INTEGER
);
CREATE INDEX purchases_by_contract ON purchases (contract_terms_hash);
CREATE INDEX purchases_by_order ON purchases (merchant_base_url, order_id);

CREATE TABLE contract_terms (
    contract_terms_hash  TEXT NOT NULL PRIMARY KEY,
    contract_terms_raw   TEXT NOT NULL     -- JSON, byte for byte what was hashed
);

CREATE TABLE refunds (
    proposal_id      TEXT NOT NULL,
    coin_pub         TEXT NOT NULL,
    rtransaction_id  INTEGER NOT NULL,
    refund_amount    TEXT NOT NULL CHECK (refund_amount GLOB '[A-Z]*:[0-9]*'),
    refund_fee       TEXT CHECK (refund_fee GLOB '[A-Z]*:[0-9]*'),
    execution_time   INTEGER,
    obtained_time    INTEGER NOT NULL,
    status           INTEGER NOT NULL CHECK (status BETWEEN 10 AND 69),
    PRIMARY KEY (proposal_id, coin_pub, rtransaction_id)
);

CREATE TABLE deposits (
    deposit_group_id        TEXT NOT NULL PRIMARY KEY,
    merchant_pub            TEXT NOT NULL,
    merchant_priv           TEXT NOT NULL,
    nonce_pub               TEXT NOT NULL,
    nonce_priv              TEXT NOT NULL,
    wire                    TEXT NOT NULL,  -- JSON object: payto URI and salt
    contract_terms_hash     TEXT NOT NULL,
    pay_coin_pubs           TEXT NOT NULL DEFAULT '[]',  -- JSON list
    pay_coin_contributions  TEXT NOT NULL DEFAULT '[]',  -- JSON list of amounts
    deposited_per_coin      TEXT NOT NULL DEFAULT '[]',  -- JSON list of true and false
    total_pay_cost          TEXT NOT NULL CHECK (total_pay_cost GLOB '[A-Z]*:[0-9]*'),
    effective_amount        TEXT NOT NULL CHECK (effective_amount GLOB '[A-Z]*:[0-9]*'),
    timestamp_created       INTEGER NOT NULL,
    timestamp_finished      INTEGER,
    status                  INTEGER NOT NULL CHECK (status BETWEEN 10 AND 69)
);

-- One wallet can be both sides of a payment, so the side is part of the key.
CREATE TABLE peer_payments (
    purse_pub            TEXT NOT NULL,
    kind                 TEXT NOT NULL CHECK (kind IN ('push-debit', 'push-credit', 'pull-debit', 'pull-credit')),
    exchange_base_url    TEXT NOT NULL,
    amount               TEXT NOT NULL CHECK (amount GLOB '[A-Z]*:[0-9]*'),
    purse_priv           TEXT,
    merge_pub            TEXT,
    merge_priv           TEXT,
    contract_pub         TEXT,
    contract_priv        TEXT,
    contract_terms_hash  TEXT,
    coin_pubs            TEXT,             -- JSON list, for debits
    coin_contributions   TEXT,             -- JSON list of amounts, for debits
    total_cost           TEXT CHECK (total_cost GLOB '[A-Z]*:[0-9]*'),
    withdrawal_group_id  TEXT,             -- for credits
    purse_expiration     INTEGER,
    timestamp_created    INTEGER NOT NULL,
    status               INTEGER NOT NULL CHECK (status BETWEEN 10 AND 69),
    PRIMARY KEY (purse_pub, kind)
);

-- A coin turned out to be spent elsewhere, by a wallet whose purchase has not arrived yet: a stand-in for it in the
-- balance. Never synced; walletsync deletes it in the transaction that brings the purchase.
CREATE TABLE ghost_deposits (
    contract_terms_hash  TEXT NOT NULL PRIMARY KEY,
    coins                TEXT NOT NULL DEFAULT '[]',  -- JSON list of {coin_pub, amount, proof}
    amount               TEXT NOT NULL CHECK (amount GLOB '[A-Z]*:[0-9]*'),
    timestamp            INTEGER NOT NULL
);

-- Optional: accounts of the wallet's own backup.

CREATE TABLE sync_accounts (
    base_url            TEXT NOT NULL,
    account_pub         TEXT NOT NULL,
    account_priv        TEXT NOT NULL,
    name                TEXT,
    -- local: the state of this wallet's own backups
    state               INTEGER,
    last_backup_hash    TEXT,
    last_backup_time    INTEGER,
    next_backup_time    INTEGER,
    PRIMARY KEY (base_url, account_pub)
);

-- Never synced.

-- How many coins can be spent, by denomination. Derived, so that it is right after every change, ours included.
CREATE VIEW coin_availability AS
    SELECT exchange_base_url, denom_pub_hash, max_age, count(*) AS fresh_coin_count
    FROM coins
    WHERE status = 10
      AND NOT EXISTS (SELECT 1 FROM coin_spends WHERE coin_spends.coin_pub = coins.coin_pub)
    GROUP BY exchange_base_url, denom_pub_hash, max_age;

CREATE TABLE operation_retries (
    id           TEXT NOT NULL PRIMARY KEY,
    retry_count  INTEGER NOT NULL DEFAULT 0,
    next_retry   INTEGER,
    last_error   TEXT                      -- JSON object
) WITHOUT ROWID;

CREATE TABLE user_attention (
    info_id     TEXT NOT NULL PRIMARY KEY,
    info        TEXT NOT NULL,             -- JSON object
    created_at  INTEGER NOT NULL,
    seen        INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1))
);

CREATE TABLE bank_accounts (
    payto_uri  TEXT NOT NULL PRIMARY KEY,
    currency   TEXT,
    kyc_done   INTEGER NOT NULL DEFAULT 0 CHECK (kyc_done IN (0, 1)),
    last_used  INTEGER
);

CREATE TABLE wallet_settings (
    name   TEXT NOT NULL PRIMARY KEY,
    value  TEXT NOT NULL                   -- JSON
) WITHOUT ROWID;
