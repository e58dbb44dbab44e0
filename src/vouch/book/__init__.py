"""The guarantee book: append-only facts as Parquet, read through one door that takes a date."""
