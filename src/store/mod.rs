//! The vault file: SQLite.
