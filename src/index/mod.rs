//! The gallery: exact search over encodings in memory.
