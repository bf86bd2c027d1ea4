"""From descriptors of places to rows of a database: search, fusion, sequences, re-ranking."""
