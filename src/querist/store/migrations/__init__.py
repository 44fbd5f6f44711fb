"""One script for each version of the tables; `store/migrate.py` runs them."""
