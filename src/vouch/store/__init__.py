"""The only SQL: decisions, promotions, alerts and the outbox, in SQLite or PostgreSQL."""
