"""The history of the tables, for Alembic. A change of `store.rows` needs a new file in `versions`."""
