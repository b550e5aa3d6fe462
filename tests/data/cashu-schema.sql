-- The wallet database of Nutshell 0.20.2 (PyPI `cashu`), as its own migrations make it: the schema of an empty wallet,
-- printed from sqlite_master after `Wallet.with_db(url, folder, skip_db_read=True)`. Nothing is edited, blank lines
-- aside. The migrations write the time of the day on which they run into the defaults of timestamps, so that no two
-- wallets have the same text. The wallet keeps the database in WAL mode, with foreign keys on.

CREATE TABLE dbversions (
        db TEXT PRIMARY KEY,
        version INT NOT NULL
    );

CREATE TABLE proofs (
                    amount INT NOT NULL,
                    C TEXT NOT NULL,
                    secret TEXT NOT NULL, reserved BOOL, send_id TEXT, time_created TIMESTAMP, time_reserved TIMESTAMP, id TEXT, derivation_path TEXT, dleq TEXT, mint_id TEXT, melt_id TEXT,
                    UNIQUE (secret)
                );

CREATE TABLE proofs_used (
                    amount INT NOT NULL,
                    C TEXT NOT NULL,
                    secret TEXT NOT NULL, time_used TIMESTAMP, id TEXT, derivation_path TEXT, mint_id TEXT, melt_id TEXT,
                    UNIQUE (secret)
                );

CREATE VIEW balance AS
            SELECT COALESCE(SUM(s), 0) AS balance FROM (
                SELECT SUM(amount) AS s
                FROM proofs
                WHERE amount > 0
            );

CREATE VIEW balance_used AS
            SELECT COALESCE(SUM(s), 0) AS used FROM (
                SELECT SUM(amount) AS s
                FROM proofs_used
                WHERE amount > 0
            );

CREATE TABLE keysets (
                    id TEXT,
                    mint_url TEXT,
                    valid_from TIMESTAMP DEFAULT 1795359055,
                    valid_to TIMESTAMP DEFAULT 1795359055,
                    first_seen TIMESTAMP DEFAULT 1795359055,
                    active BOOL DEFAULT TRUE, public_keys TEXT, counter INTEGER DEFAULT 0, unit TEXT, input_fee_ppk INTEGER,
                    UNIQUE (id, mint_url)
                );

CREATE TABLE invoices (
                amount INTEGER NOT NULL,
                bolt11 TEXT NOT NULL,
                id TEXT,
                preimage TEXT,
                paid BOOL DEFAULT FALSE,
                time_created TIMESTAMP DEFAULT 1795359055,
                time_paid TIMESTAMP DEFAULT 1795359055, out BOOL, payment_hash TEXT,
                UNIQUE (id)
            );

CREATE TABLE seed (
                seed TEXT NOT NULL,
                mnemonic TEXT NOT NULL,
                UNIQUE (seed, mnemonic)
                );

CREATE TABLE bolt11_mint_quotes (
                quote TEXT PRIMARY KEY,
                mint TEXT NOT NULL,
                method TEXT NOT NULL,
                request TEXT NOT NULL,
                checking_id TEXT NOT NULL,
                unit TEXT NOT NULL,
                amount INTEGER NOT NULL,
                state TEXT NOT NULL,
                created_time INTEGER,
                paid_time INTEGER,
                expiry INTEGER
            , privkey TEXT DEFAULT NULL, amount_paid INTEGER DEFAULT NULL, amount_issued INTEGER DEFAULT NULL, updated_at INTEGER DEFAULT NULL);

CREATE TABLE bolt11_melt_quotes (
                quote TEXT PRIMARY KEY,
                mint TEXT NOT NULL,
                method TEXT NOT NULL,
                request TEXT NOT NULL,
                checking_id TEXT NOT NULL,
                unit TEXT NOT NULL,
                amount INTEGER NOT NULL,
                fee_reserve INTEGER NOT NULL,
                state TEXT NOT NULL,
                created_time INTEGER,
                paid_time INTEGER,
                fee_paid INTEGER,
                payment_preimage TEXT,
                expiry INTEGER,
                change TEXT
            );

CREATE TABLE mints (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    url TEXT NOT NULL,
                    info TEXT NOT NULL,
                    updated TIMESTAMP DEFAULT 1795359055,
                    access_token TEXT,
                    refresh_token TEXT,
                    username TEXT,
                    password TEXT
                );

INSERT INTO dbversions VALUES ('wallet', 17);
